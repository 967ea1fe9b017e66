"""Boundary IoU: how well the rims of two masks overlap."""

import math

import numpy as np

from imedbench.metrics.borders import bounding_box
from imedbench.metrics.pairs import Spacing, as_pair, as_spacing
from imedbench.types import Mask

SHARE_OF_DIAGONAL = 0.02
"""Width of the rim in the publication, which counts pixels along squares where this counts millimetres."""


def boundary_iou(truth: Mask, guess: Mask, spacing_mm: Spacing, *, width_mm: float | None = None) -> float:
    """The overlap of the masks' rims over the union of them, 0 to 1; NaN where both are empty.

    The rim of a mask is what of it lies at most the width from a voxel outside; what is not in the grid is outside.
    After Cheng et al., "Boundary IoU", CVPR 2021.

    Args:
        truth: (z, y, x) or (y, x).
        guess: of the same shape.
        spacing_mm: distance between voxel centres, one an axis.
        width_mm: of the rims; None for 2 % of the image's diagonal. Never taken as less than one voxel's largest side.

    Raises:
        ValueError: shapes or spacing do not go together.
    """
    truth, guess = as_pair(truth, guess)
    spacing = as_spacing(spacing_mm, truth.ndim)
    if width_mm is None:
        width_mm = SHARE_OF_DIAGONAL * math.hypot(
            *(side * step for side, step in zip(truth.shape, spacing, strict=True))
        )
    width = max(width_mm, *spacing)
    box = tuple(slice(*sides) for sides in bounding_box(truth | guess))
    rims = [_rim(mask[box], spacing, width) for mask in (truth, guess)]
    union = int(np.count_nonzero(rims[0] | rims[1]))
    return int(np.count_nonzero(rims[0] & rims[1])) / union if union else math.nan


def _rim(mask: Mask, spacing_mm: tuple[float, ...], width_mm: float) -> Mask:
    import edt

    if not mask.size:
        return mask
    # In single precision; a distance that equals the width must not miss it by rounding.
    depth = edt.edt(np.ascontiguousarray(mask), anisotropy=spacing_mm, black_border=True)
    rim: Mask = mask & (depth <= width_mm * (1 + 1e-6))
    return rim
