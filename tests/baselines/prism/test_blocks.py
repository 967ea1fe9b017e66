import pytest
import torch
from torch import nn
from torch.nn import functional

from baselines.prism import blocks
from baselines.prism.blocks import ChannelNorm, Convolutions, ConvolutionUnit, Perceptron


def test_a_norm_over_channels() -> None:
    norm, values = ChannelNorm(5), torch.randn(2, 5, 3, 4, 2)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    found = norm(values)
    plain = nn.LayerNorm(5, eps=1e-6)
    plain.load_state_dict(norm.state_dict())
    torch.testing.assert_close(found, plain(values.movedim(1, -1)).movedim(-1, 1))


@pytest.mark.parametrize("rows", [7, 2**15])
@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_a_unit_in_its_own_memory(monkeypatch: pytest.MonkeyPatch, rows: int, offset: float) -> None:
    """What is faster without gradients gives the same numbers, also far from zero and where parts are uneven."""
    monkeypatch.setattr(blocks, "_ROWS", rows)
    unit = ConvolutionUnit(3, 6)
    nn.init.normal_(unit.adn["N"].weight)
    nn.init.normal_(unit.adn["N"].bias)
    convolved = torch.randn(2, 6, 5, 4, 3) * torch.arange(1, 7).view(1, -1, 1, 1, 1) + offset
    expected = functional.leaky_relu(unit.adn["N"](convolved), 0.1)
    with torch.inference_mode():
        found = unit.finish(convolved.clone(memory_format=torch.channels_last_3d))
    assert found.is_contiguous(memory_format=torch.channels_last_3d)
    torch.testing.assert_close(found, expected.detach(), atol=2e-3 if offset else 1e-5, rtol=1e-4)


def test_gradients_pass_units() -> None:
    convolutions, values = Convolutions(2, 4), torch.randn(1, 2, 4, 4, 4, requires_grad=True)
    convolutions(values).square().sum().backward()
    assert values.grad is not None
    assert all(weight.grad is not None for weight in convolutions.parameters())
    assert convolutions(values).shape == (1, 4, 4, 4, 4)


def test_a_perceptron() -> None:
    made = Perceptron((3, 4, 2))
    values = torch.randn(5, 3)
    first, second, last = made.layers
    expected = last(torch.relu(second(torch.relu(first(values)))))
    torch.testing.assert_close(made(values), expected)
