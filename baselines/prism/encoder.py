"""PRISM's image encoder: a vision transformer, and convolutions that it adds to at all scales but the finest."""

import itertools
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.prism.blocks import ChannelNorm, Convolutions
from baselines.prism.settings import STAGES, Settings
from baselines.prism.vision import PatchEmbedding, blocks


class Encoded(NamedTuple):
    """What is made of a volume once, for all prompts on it; S is its side."""

    coarse: Tensor
    """(b, embedding, S / 16, S / 16, S / 16)"""
    skips: tuple[Tensor, Tensor, Tensor, Tensor]
    """(b, channels, S, S, S), then at half the size, a quarter and an eighth."""


class ImageEncoder(nn.Module):
    """Both sides."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.sides = settings.sides
        width, embedding, grid = settings.width, settings.embedding, settings.grid
        if self.sides != "convolutions":
            self.pos_embed = nn.Parameter(torch.zeros(1, grid, grid, grid, width))
            self.patch_embed = PatchEmbedding(width)
            self.blocks = blocks(settings)
            self.neck = nn.Sequential(
                nn.Conv3d(width, embedding, 1, bias=False), ChannelNorm(embedding), nn.GELU(),
                nn.Conv3d(embedding, embedding, 3, padding=1, bias=False), ChannelNorm(embedding), nn.GELU(),
            )  # fmt: skip
            _, half, quarter, eighth = settings.channels
            chains = ((width, eighth, quarter, half), (width, eighth, quarter), (width, eighth))
            self.neck_list = nn.ModuleList(_Neck(chain) for chain in chains)
        if self.sides != "transformer":
            self.cnn_encoder = _convolutions(settings)

    def forward(self, image: Tensor) -> Encoded:
        """All maps of normalised images (b, 1, S, S, S)."""
        if self.sides == "convolutions":
            *skips, coarse = self._descend(image)
        elif self.sides == "transformer":
            *told, coarse = self._look(image)
            # There is nothing as fine as the image on this side.
            first = functional.interpolate(told[0], scale_factor=2.0, mode="trilinear")
            skips = [first, *told]
        else:
            finest, *found, last = self._descend(image)
            *told, coarse = self._look(image)
            skips = [finest, *(one + other for one, other in zip(found, told, strict=True))]
            coarse = coarse + last
        return Encoded(coarse, (skips[0], skips[1], skips[2], skips[3]))

    def _descend(self, image: Tensor) -> list[Tensor]:
        """The convolutions' five maps, the finest first."""
        found = [self.cnn_encoder["conv_0"](image)]
        for level in range(1, 1 + STAGES):
            convolutions = self.cnn_encoder.get_submodule(f"down_{level}.convs")
            found.append(convolutions(functional.max_pool3d(found[-1], 2)))
        return found

    def _look(self, image: Tensor) -> list[Tensor]:
        """The transformer's four maps, for half the size and for each half of that."""
        tokens, found = self.patch_embed(image) + self.pos_embed, []
        stage = len(self.blocks) // STAGES
        for number, block in enumerate(self.blocks, 1):
            tokens = block(tokens)
            if number % stage == 0:
                found.append(tokens.movedim(-1, 1))
        risen = [neck(each) for neck, each in zip(self.neck_list, found[:-1], strict=True)]
        return [*risen, self.neck(found[-1])]


def _convolutions(settings: Settings) -> nn.ModuleDict:
    full, half, quarter, eighth = settings.channels
    widths = (full, half, quarter, eighth, settings.embedding)
    levels = {
        f"down_{level}": nn.ModuleDict({"convs": Convolutions(widths[level - 1], widths[level])})
        for level in range(1, 1 + STAGES)
    }
    return nn.ModuleDict({"conv_0": Convolutions(1, full), **levels})


class _Neck(nn.Module):
    """Twice the size for each further width."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.up = nn.Sequential(*(_Rise(*each) for each in itertools.pairwise(widths)))

    def forward(self, tokens: Tensor) -> Tensor:
        risen: Tensor = self.up(tokens)
        return risen


class _Rise(nn.Module):
    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.single_up = nn.Sequential(
            nn.Conv3d(inner, outer, 3, padding=1, bias=False), ChannelNorm(outer), nn.GELU(),
            nn.ConvTranspose3d(outer, outer, 2, stride=2), ChannelNorm(outer), nn.GELU(),
        )  # fmt: skip

    def forward(self, values: Tensor) -> Tensor:
        risen: Tensor = self.single_up(values)
        return risen
