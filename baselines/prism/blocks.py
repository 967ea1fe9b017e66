"""What PRISM's parts are made of; weights lie under the names of the published checkpoints."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.1
"""Of the leaky rectifiers."""
_LEAST = 1e-5
"""Added to the variance."""
_ROWS = 2**15
"""Positions at a time that stay in the processor's cache."""


class ChannelNorm(nn.Module):
    """Layer norm over the channels (b, c, ...) of each position."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, values: Tensor) -> Tensor:
        """Of the same shape."""
        last = values.movedim(1, -1)
        return functional.layer_norm(last, self.weight.shape, self.weight, self.bias, 1e-6).movedim(-1, 1)


class ConvolutionUnit(nn.Module):
    """Three by three by three, instance norm, leaky rectifier."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(inner, outer, 3, padding=1)
        self.adn = nn.ModuleDict({"N": nn.InstanceNorm3d(outer, affine=True)})

    def forward(self, values: Tensor) -> Tensor:
        """(b, inner, h, w, d) to (b, outer, h, w, d)."""
        return self.finish(self.conv(values))

    def finish(self, convolved: Tensor) -> Tensor:
        """What follows the convolution."""
        if _lies_by_position(convolved) and not torch.is_grad_enabled():
            return _finish(convolved, *self.adn.parameters())
        return functional.leaky_relu(self.adn["N"](convolved), SLOPE, inplace=True)


def _lies_by_position(values: Tensor) -> bool:
    """Whether this is memory of a CPU in which the channels of each position lie side by side."""
    return not values.is_cuda and values.is_contiguous(memory_format=torch.channels_last_3d)


def _finish(values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Instance norm and rectifier of (b, c, h, w, d) that lies by position, in its own memory.

    torch's own turns it around and back, and goes through memory five times.
    """
    for rows in values.permute(0, 2, 3, 4, 1).flatten(1, 3):
        parts = rows.split(_ROWS)
        squares = torch.empty_like(parts[0])
        # Sums of parts are exact enough to be subtracted.
        mean = torch.stack([part.sum(0) for part in parts]).sum(0) / len(rows)
        square = torch.stack([torch.mul(part, part, out=squares[: len(part)]).sum(0) for part in parts]).sum(0) / len(
            rows
        )
        scale = weight * ((square - mean.square()).clamp(min=0) + _LEAST).rsqrt()
        shift = bias - mean * scale
        for part in parts:
            functional.leaky_relu_(part.mul_(scale).add_(shift), SLOPE)
    return values


class Convolutions(nn.Module):
    """Two units."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.conv_0 = ConvolutionUnit(inner, outer)
        self.conv_1 = ConvolutionUnit(outer, outer)

    def forward(self, values: Tensor) -> Tensor:
        """(b, inner, h, w, d) to (b, outer, h, w, d)."""
        found: Tensor = self.conv_1(self.conv_0(values))
        return found


class Perceptron(nn.Module):
    """Three layers on (..., c)."""

    def __init__(self, widths: Sequence[int]) -> None:
        """``widths`` of what goes in, between and out."""
        super().__init__()
        inner, hidden, outer = widths
        self.layers = nn.ModuleList((nn.Linear(inner, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, outer)))

    def forward(self, values: Tensor) -> Tensor:
        """To (..., outer)."""
        first, second, last = self.layers
        found: Tensor = last(functional.relu(second(functional.relu(first(values)))))
        return found
