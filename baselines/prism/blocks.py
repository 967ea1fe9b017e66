"""What PRISM's parts are made of; weights lie under the names of the published checkpoints."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.1
"""Of the leaky rectifiers."""


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
        return functional.leaky_relu(self.adn["N"](convolved), SLOPE, inplace=True)


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
