"""PRISM's mask decoder: back up to the volume's size, candidate masks with scores.

Two identities save most of what it costs. The maps that the image encoder sends to each scale do not change while a
user works; the first convolution of a scale sees them beside what comes from below, and a convolution of channels side
by side is the sum of those of either, so the encoder's part is made once an image. And what comes from below is doubled
by a transposed convolution of two voxels a side before that convolution of three: together they are one transposed
convolution of four, an eighth of whose voxels meet at each place.
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


class Candidates(NamedTuple):
    """Of b targets, k each."""

    logits: Tensor
    """(b, k, S, S, S)"""
    scores: Tensor
    """(b, k) predicted Dice, 0 to 1."""


class Scale(NamedTuple):
    """What is made once for all turns on an image, at one scale."""

    skip: Tensor
    """(b, outer, 2 h, 2 w, 2 d): what the first convolution makes of the encoder's map, and of the biases below it."""
    kernel: Tensor
    """(inner, outer, 4, 4, 4): doubling and first convolution in one."""


Prepared = tuple[Scale, ...]
"""Of each scale, the coarsest first."""


class Raise(nn.Module):
    """Doubles the size, and looks at the encoder's map beside it."""

    def __init__(self, inner: int, skip: int, outer: int, *, raised: int) -> None:
        super().__init__()
        self.skip = skip
        self.upsample = nn.ModuleDict({"deconv": nn.ConvTranspose3d(inner, raised, 2, stride=2)})
        self.convs = Convolutions(skip + raised, outer)

    def prepare(self, skip: Tensor) -> Scale:
        """What does not depend on prompts, for the encoder's map (b, skip, 2 h, 2 w, 2 d)."""
        first, (weight, bias) = self.convs.conv_0.conv, self.upsample.parameters()
        own, below = first.weight[:, : self.skip], first.weight[:, self.skip :]
        with torch.autocast(skip.device.type, enabled=False):
            kernel = composed(weight, below)
            # Of the biases: constant, but where the convolution reaches over the border.
            field = functional.conv3d(bias[None, :, None, None, None].expand(-1, -1, 3, 3, 3), below, padding=1)
        for axis, length in enumerate(skip.shape[2:], 2):
            places = torch.ones(length, dtype=torch.long, device=skip.device)
            places[0], places[-1] = 0, 2
            field = field.index_select(axis, places)
        made = functional.conv3d(skip, own, first.bias, padding=1)
        return Scale(made + field.to(made.dtype), kernel)

    def forward(self, values: Tensor, scale: Scale) -> Tensor:
        """(b, inner, h, w, d) to (b, outer, 2 h, 2 w, 2 d)."""
        raised = functional.conv_transpose3d(values, scale.kernel, stride=2, padding=1)
        found: Tensor = self.convs.conv_1(self.convs.conv_0.finish(raised + scale.skip))
        return found


def composed(double: Tensor, convolution: Tensor) -> Tensor:
    """(i, o, 4, 4, 4), for a transposed convolution with stride 2 and padding 1.

    Args:
        double: (i, m, 2, 2, 2), of the transposed convolution with stride 2 that comes first.
        convolution: (o, m, 3, 3, 3), of the convolution with padding 1 that follows.
    """
    turned = convolution.flip(2, 3, 4)
    kernel = double.new_zeros(double.shape[0], convolution.shape[0], 4, 4, 4)
    for x, y, z in itertools.product(range(2), repeat=3):
        part = torch.einsum("im,omxyz->ioxyz", double[:, :, x, y, z], turned)
        kernel = kernel + functional.pad(part, (z, 1 - z, y, 1 - y, x, 1 - x))
    return kernel


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
