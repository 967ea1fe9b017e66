import torch
from torch.nn import functional

from baselines.prism.refine import Refinement, doubled, halved


def test_half_the_size_is_trilinear() -> None:
    values = torch.randn(1, 2, 6, 4, 8)
    torch.testing.assert_close(
        halved(values), functional.interpolate(values, scale_factor=0.5, mode="trilinear", align_corners=False)
    )
    assert doubled(values).shape == (1, 2, 12, 8, 16)


def test_without_a_correction_the_mask_is_smoothed() -> None:
    refine, logits = Refinement(4), torch.randn(1, 1, 8, 8, 8)
    with torch.no_grad():
        for weight in refine.conv_correction.parameters():
            weight.zero_()
        mended, _ = refine(torch.randn(1, 1, 8, 8, 8), logits, torch.zeros(1, 2, 8, 8, 8))
    torch.testing.assert_close(mended, doubled(halved(logits)))


def test_the_mask_gets_no_gradient() -> None:
    refine, logits = Refinement(4), torch.randn(1, 1, 8, 8, 8, requires_grad=True)
    mended, errors = refine(torch.randn(1, 1, 8, 8, 8), logits, torch.zeros(1, 2, 8, 8, 8, dtype=torch.bool))
    assert mended.shape == errors.shape == logits.shape
    mended.sum().backward()
    assert logits.grad is None
    assert all(weight.grad is not None for weight in refine.parameters())


def test_what_was_said_counts() -> None:
    refine, image, logits = Refinement(4), torch.randn(1, 1, 8, 8, 8), torch.randn(1, 1, 8, 8, 8)
    said = torch.zeros(1, 2, 8, 8, 8, dtype=torch.bool)
    marked = said.clone()
    marked[0, 1, 4, 4, 4] = True
    with torch.no_grad():
        assert not torch.allclose(refine(image, logits, said)[0], refine(image, logits, marked)[0])
