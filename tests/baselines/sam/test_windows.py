import torch

from baselines.sam.windows import cut, join


def test_joining_undoes_cutting_and_drops_the_padding() -> None:
    values = torch.arange(12 * 15 * 2.0).view(12, 15, 2)
    windows = cut(values, 3)
    assert windows.shape == (20, 3, 3, 2)
    assert torch.equal(windows[1], values[:3, 3:6])
    assert torch.equal(join(windows, 12, 15), values)
    assert torch.equal(join(windows, 10, 14), values[:10, :14])
