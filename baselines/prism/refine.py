"""PRISM's corrective refinement: a shallow network at half the size that changes the mask that was chosen."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.prism.blocks import Convolutions

_INPUTS = 4
"""Image, mask, voxels said to be inside, and outside."""


class Refinement(nn.Module):
    """Adds to logits the product of an error map and a correction."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first_conv = nn.Conv3d(_INPUTS, width, 1)
        self.conv1, self.conv2 = Convolutions(width, width), Convolutions(width, width)
        self.conv_error_map, self.conv_correction = nn.Conv3d(width, 1, 1), nn.Conv3d(width, 1, 1)

    def forward(self, image: Tensor, logits: Tensor, said: Tensor) -> tuple[Tensor, Tensor]:
        """Corrected logits and the error map, both (b, 1, S, S, S); no gradient goes to what ``logits`` came from.

        Args:
            image: (b, 1, S, S, S), normalised.
            logits: (b, 1, S, S, S) of the mask that was chosen.
            said: (b, 2, S, S, S): 1 on each voxel that the user has said to be inside, and outside, in all turns.
        """
        given = logits.detach()
        inputs = torch.cat([image.to(given.dtype), (given > 0).to(given.dtype), said.to(given.dtype)], 1)
        found = self.first_conv(halved(inputs))
        found = found + self.conv1(found)
        found = found + self.conv2(found)
        errors = self.conv_error_map(found)
        mended = halved(given) + errors * self.conv_correction(found)
        return doubled(mended), doubled(errors)


def halved(values: Tensor) -> Tensor:
    """Each two by two by two voxels to their mean, which is what trilinear interpolation at half the size takes."""
    return functional.avg_pool3d(values, 2)


def doubled(values: Tensor) -> Tensor:
    """Trilinear, corners not aligned."""
    return functional.interpolate(values, scale_factor=2.0, mode="trilinear")
