"""What is made of an image once, for all prompts on it: tokens, and two finer maps that masks are drawn with."""

from typing import NamedTuple, TypeVar

from torch import Tensor, nn
from torch.nn import functional

from baselines.imis_lite.encoder import Features

WIDTH = 256
"""Of tokens."""
MIDDLE, FINE, DETAIL = 64, 32, 16
"""Channels of the finer maps."""
_GROUP = 16
_KERNEL = 7


class Pyramid(NamedTuple):
    """Of b images."""

    tokens: Tensor
    """(b, 256, 32, 32)"""
    middle: Tensor
    """(b, 64, 64, 64)"""
    fine: Tensor
    """(b, 32, 128, 128)"""
    detail: Tensor
    """(b, 16, 256, 256)"""


class Neck(nn.Module):
    """From the encoder's features and the pixels, down in three steps, then context among the tokens."""

    def __init__(self, depth: int) -> None:
        """``depth`` mixers; at first tokens are the encoder's, pooled, and finer maps nearly nothing."""
        super().__init__()
        self.pixels = nn.ModuleList((_convolution(3, DETAIL), _convolution(DETAIL, FINE, 2)))
        self.early = nn.Conv2d(128, FINE, 1)
        self.fine = Residual(FINE)
        self.down = _convolution(FINE, MIDDLE, 2)
        self.deep = nn.Conv2d(WIDTH, MIDDLE, 1)
        self.middle = Residual(MIDDLE)
        self.last = _silent(nn.Conv2d(MIDDLE, WIDTH, 2, stride=2))
        self.mixers = nn.Sequential(*(Mixer(WIDTH) for _ in range(depth)))
        self.to_middle, self.to_fine = _faint(nn.Conv2d(MIDDLE, MIDDLE, 1)), _faint(nn.Conv2d(FINE, FINE, 1))
        self.rise = nn.Conv2d(FINE, DETAIL, 1)
        self.to_detail = _faint(nn.Conv2d(DETAIL, DETAIL, 3, padding=1))

    def forward(self, features: Features) -> Pyramid:
        """The maps of b images."""
        first, second = self.pixels
        finest = first(features.pixels)
        fine = self.fine(second(finest) + self.early(features.early))
        middle = self.middle(self.down(fine) + self.deep(features.deep))
        tokens = self.mixers(functional.avg_pool2d(features.deep, 2) + self.last(middle))
        raised = functional.interpolate(self.rise(fine), scale_factor=2.0, mode="bilinear")
        detail = self.to_detail(functional.gelu(finest + raised))
        return Pyramid(tokens, self.to_middle(middle), self.to_fine(fine), detail)


class Residual(nn.Module):
    """(b, c, h, w) with what two convolutions add; nothing at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.second = _silent(nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, values: Tensor) -> Tensor:
        """Of the same shape."""
        bettered: Tensor = values + self.second(self.first(values))
        return bettered


class Mixer(nn.Module):
    """ConvNeXt's block on (b, c, h, w): seven by seven in each channel, then an MLP; adds nothing at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.spread = nn.Conv2d(channels, channels, _KERNEL, padding=_KERNEL // 2, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.rise = nn.Linear(channels, 4 * channels)
        self.fall = _silent(nn.Linear(4 * channels, channels))

    def forward(self, values: Tensor) -> Tensor:
        """Of the same shape."""
        mixed = self.norm(self.spread(values).permute(0, 2, 3, 1))
        added: Tensor = self.fall(functional.gelu(self.rise(mixed)))
        return values + added.permute(0, 3, 1, 2)


def _convolution(inner: int, outer: int, stride: int = 1) -> nn.Sequential:
    norm = nn.GroupNorm(outer // _GROUP, outer)
    return nn.Sequential(nn.Conv2d(inner, outer, 3, stride, 1), norm, nn.GELU())


_Layer = TypeVar("_Layer", nn.Conv2d, nn.Linear)


def _silent(layer: _Layer) -> _Layer:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _faint(layer: nn.Conv2d) -> nn.Conv2d:
    _silent(layer)
    nn.init.normal_(layer.weight, std=0.01)
    return layer
