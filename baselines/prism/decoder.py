"""PRISM's mask decoder: back up to the volume's size, candidate masks with scores.

The maps that the image encoder sends to each scale do not change while a user works. The first convolution of a scale
sees them beside what comes from below, and a convolution of channels side by side is the sum of those of either: the
encoder's part is made once for each image (`Decoder.prepare`).
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.prism.blocks import Convolutions, Perceptron
from baselines.prism.prompts import MASKS
from baselines.prism.refine import Refinement
from baselines.prism.settings import Settings

Prepared = tuple[Tensor, ...]
"""Of each scale, the coarsest first, what its first convolution makes of the encoder's map."""


class Candidates(NamedTuple):
    """Of b targets, k each."""

    logits: Tensor
    """(b, k, S, S, S)"""
    scores: Tensor
    """(b, k) predicted Dice, 0 to 1."""


class Raise(nn.Module):
    """Doubles the size, and looks at the encoder's map beside it."""

    def __init__(self, inner: int, skip: int, outer: int, *, raised: int) -> None:
        super().__init__()
        self.skip = skip
        self.upsample = nn.ModuleDict({"deconv": nn.ConvTranspose3d(inner, raised, 2, stride=2)})
        self.convs = Convolutions(skip + raised, outer)

    def prepare(self, skip: Tensor) -> Tensor:
        """The encoder's part of the first convolution."""
        first = self.convs.conv_0.conv
        return functional.conv3d(skip, first.weight[:, : self.skip], first.bias, padding=1)

    def forward(self, values: Tensor, prepared: Tensor) -> Tensor:
        """(b, inner, h, w, d) to (b, outer, 2 h, 2 w, 2 d)."""
        unit = self.convs.conv_0
        raised = self.upsample["deconv"](values)
        found = unit.finish(functional.conv3d(raised, unit.conv.weight[:, self.skip :], padding=1) + prepared)
        mended: Tensor = self.convs.conv_1(found)
        return mended


class Pyramid(nn.Module):
    """Four times up."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        full, half, quarter, eighth = settings.channels
        widths = (settings.embedding, eighth, quarter, half, full)
        for level, (inner, outer) in enumerate(itertools.pairwise(widths)):
            scale = len(settings.channels) - level
            raised = inner // 2 if scale > 1 else inner
            self.add_module(f"upcat_{scale}", Raise(inner, outer, outer, raised=raised))

    @property
    def scales(self) -> list[Raise]:
        """The coarsest first."""
        return [self.get_submodule(f"upcat_{scale}") for scale in (4, 3, 2, 1)]  # type: ignore[misc]


class Decoder(nn.Module):
    """From tokens and the image's map to masks; holds the network that corrects the chosen one, as checkpoints do."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        width, full = settings.embedding, settings.channels[0]
        self.several = settings.candidates > 1
        self.decoder = Pyramid(settings)
        self.output_hypernetworks_mlps = nn.ModuleList(Perceptron((width, width, full)) for _ in range(MASKS))
        self.iou_prediction_head = Perceptron((width, 256, MASKS))
        self.refine = Refinement(settings.refined_width) if settings.refine else None

    def prepare(self, skips: Sequence[Tensor]) -> Prepared:
        """What is made of an image once; ``skips`` are the encoder's maps, the finest first."""
        return tuple(scale.prepare(skip) for scale, skip in zip(self.decoder.scales, reversed(skips), strict=True))

    def forward(self, tokens: Tensor, cells: Tensor, prepared: Prepared) -> Candidates:
        """The candidates.

        Args:
            tokens: (b, 5 + ..., c): the score's, the masks', those of prompts.
            cells: (b, c, S / 16, S / 16, S / 16).
            prepared: of the images.
        """
        for scale, skip in zip(self.decoder.scales, prepared, strict=True):
            cells = scale(cells, skip)
        wanted = range(1, MASKS) if self.several else range(1)
        heads = self.output_hypernetworks_mlps
        kernels = torch.stack([heads[index](tokens[:, 1 + index]) for index in wanted], 1)
        logits = torch.einsum("bkc,bcxyz->bkxyz", kernels.to(cells.dtype), cells)
        scores = torch.sigmoid(self.iou_prediction_head(tokens[:, 0]).float())
        return Candidates(logits, scores[:, wanted.start : wanted.stop])
