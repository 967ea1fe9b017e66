"""What labels say of a volume: how much of the body has one, and what each structure is like."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imedbench.curate.classes import Classes
from imedbench.curate.grid import Grid, Spacing
from imedbench.types import Array, Mask


@dataclass(frozen=True, slots=True)
class Structure:
    """One class in one volume."""

    name: str
    ml: float
    """Volume."""
    mean_hu: float
    std_hu: float
    border: bool
    """Whether it reaches the volume's first or last slice, so that a part of it may be missing."""


def structures(voxels: Array, labels: NDArray[np.uint8], classes: Classes, spacing_mm: Spacing) -> list[Structure]:
    """All classes that have voxels, in the order of their numbers; slice by slice, so memory stays flat."""
    count = np.zeros(256, np.int64)
    sums, squares = np.zeros(256), np.zeros(256)
    for values, numbers in zip(voxels, labels, strict=True):
        flat = numbers.ravel()
        intensities = values.ravel().astype(np.float64)
        count += np.bincount(flat, minlength=256)
        sums += np.bincount(flat, intensities, 256)
        squares += np.bincount(flat, intensities**2, 256)
    ends = set(np.unique(labels[[0, -1]]).tolist())
    ml = float(np.prod(spacing_mm)) / 1000
    found = []
    for number, name in enumerate(classes.every, 1):
        if not count[number]:
            continue
        mean = sums[number] / count[number]
        std = float(np.sqrt(max(0.0, squares[number] / count[number] - mean**2)))
        found.append(Structure(name, round(count[number] * ml, 3), round(mean, 1), round(std, 1), number in ends))
    return found


def labelled_share(labels: NDArray[np.uint8], body: Mask, grid: Grid) -> float:
    """The share of the body's voxels that have a label; NaN without a body.

    Args:
        labels: (z, y, x).
        body: of the blocks of ``grid``.
        grid: of the same volume.
    """
    inside = labelled = 0
    for z, numbers in enumerate(labels):
        plane = grid.slice(body, z)
        inside += int(np.count_nonzero(plane))
        labelled += int(np.count_nonzero(numbers[plane]))
    return labelled / inside if inside else float("nan")
