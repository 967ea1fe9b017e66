"""What every metric asks of its arguments."""

from collections.abc import Sequence

import numpy as np

from imedbench.types import Array, Mask

Spacing = Sequence[float]
"""Distance between voxel centres in millimetres, one an axis, in array order."""


def as_pair(truth: Array, guess: Array) -> tuple[Mask, Mask]:
    """Both as bool arrays.

    Raises:
        ValueError: they differ in shape.
    """
    if truth.shape != guess.shape:
        message = f"truth and guess differ in shape: {truth.shape} and {guess.shape}"
        raise ValueError(message)
    return as_mask(truth), as_mask(guess)


def as_mask(voxels: Array) -> Mask:
    """The same array where it is one of bools already; else, where it is not 0."""
    return voxels if voxels.dtype == np.bool_ else voxels != 0


def as_spacing(spacing_mm: Spacing, ndim: int) -> tuple[float, ...]:
    """The spacing as floats.

    Raises:
        ValueError: it has not one positive number for each of 2 or 3 axes.
    """
    spacing = tuple(float(step) for step in spacing_mm)
    if ndim not in {2, 3} or len(spacing) != ndim or not all(0 < step < np.inf for step in spacing):
        message = f"an array of {ndim} axes and the spacing {spacing} do not go together: 2 or 3 axes, each above 0 mm"
        raise ValueError(message)
    return spacing
