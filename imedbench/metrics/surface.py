"""Metrics of surfaces: how far that of the guess is from that of the truth, and back.

A surface is made of elements, one in each cube between 2 x 2 x 2 voxel centres (square between 2 x 2) that it crosses;
an element's area comes from `surfels`, and its distance to the other surface is that of its cube's centre to the
nearest centre of the other's. This is the construction of DeepMind's surface-distance package (Nikolov et al. 2018,
arXiv:1809.04430), whose numbers these equal. Where a mask touches the edge of the grid its surface closes there.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from imedbench.metrics.borders import Border
from imedbench.metrics.nearest import Targets
from imedbench.metrics.pairs import Spacing, as_mask, as_pair, as_spacing
from imedbench.metrics.surfels import surfel_areas
from imedbench.types import Mask

Reals = NDArray[np.float64]


def surface_dice(truth: Mask, guess: Mask, spacing_mm: Spacing, *, tolerance_mm: float) -> float:
    """The share of both surfaces that is at most the tolerance from the other one, 0 to 1; NaN where both are empty.

    Also called normalised surface distance (NSD).
    """
    return Surfaces(truth, spacing_mm).against(guess).nsd(tolerance_mm)


def hd95(truth: Mask, guess: Mask, spacing_mm: Spacing) -> float:
    """The robust Hausdorff distance in mm: 95 % of either surface are this near to the other one.

    Infinite where one is empty, NaN where both are.
    """
    return Surfaces(truth, spacing_mm).against(guess).hd(95)


def assd(truth: Mask, guess: Mask, spacing_mm: Spacing) -> float:
    """The average symmetric surface distance in mm, over the area of both surfaces together.

    Infinite where one is empty, NaN where both are.
    """
    return Surfaces(truth, spacing_mm).against(guess).assd()


class Surfaces:
    """A truth, prepared once for any number of guesses.

    Args:
        truth: (z, y, x) or (y, x).
        spacing_mm: distance between voxel centres, one an axis.

    Raises:
        ValueError: the spacing does not go with the truth.
    """

    def __init__(self, truth: Mask, spacing_mm: Spacing) -> None:
        self._truth = as_mask(truth)
        self._spacing = as_spacing(spacing_mm, truth.ndim)

    def against(self, guess: Mask) -> "SurfaceDistances":
        """The distances between the truth's surface and the guess's.

        Raises:
            ValueError: the guess is not of the truth's shape.
        """
        _, guess = as_pair(self._truth, guess)
        mine, other = self._surface, _Surface(guess, self._spacing)
        return SurfaceDistances(
            other.targets.distances_from(mine.border.corners),
            mine.targets.distances_from(other.border.corners),
            mine.areas,
            other.areas,
        )

    @cached_property
    def _surface(self) -> "_Surface":
        return _Surface(self._truth, self._spacing)


@dataclass(frozen=True, eq=False)
class SurfaceDistances:
    """The distance of every element of either surface to the other one, and its area."""

    from_truth: Reals
    """(n,) mm; infinite where there is no guess."""
    from_guess: Reals
    """(m,) mm; infinite where there is no truth."""
    truth_areas: Reals
    """(n,) mm², in two dimensions mm."""
    guess_areas: Reals
    """(m,) mm², in two dimensions mm."""

    def nsd(self, tolerance_mm: float) -> float:
        """The share of both surfaces that is at most the tolerance from the other one; NaN where there is none."""
        if self._undefined:
            return math.nan
        near = self.truth_areas[self.from_truth <= tolerance_mm].sum()
        near += self.guess_areas[self.from_guess <= tolerance_mm].sum()
        return float(near / (self.truth_areas.sum() + self.guess_areas.sum()))

    def hd(self, percent: float = 100.0) -> float:
        """The Hausdorff distance in mm, of that share of either surface which is nearest; NaN where there is none."""
        if self._undefined:
            return math.nan
        if not (len(self.from_truth) and len(self.from_guess)):
            return math.inf
        return max(
            _percentile(self.from_truth, self.truth_areas, percent),
            _percentile(self.from_guess, self.guess_areas, percent),
        )

    def assd(self) -> float:
        """The mean distance in mm over the area of both surfaces; NaN where there is none."""
        if self._undefined:
            return math.nan
        total = self.from_truth @ self.truth_areas + self.from_guess @ self.guess_areas
        return float(total / (self.truth_areas.sum() + self.guess_areas.sum()))

    @property
    def _undefined(self) -> bool:
        return not (len(self.from_truth) or len(self.from_guess))


class _Surface:
    """The elements of a mask's surface."""

    def __init__(self, mask: Mask, spacing_mm: tuple[float, ...]) -> None:
        self.border = Border.of(mask)
        self.spacing_mm = spacing_mm
        self.areas = surfel_areas(spacing_mm)[self.border.codes]

    @cached_property
    def targets(self) -> Targets:
        """To find the nearest of its elements."""
        return Targets(self.border.corners, self.spacing_mm)


def _percentile(distances: Reals, areas: Reals, percent: float) -> float:
    """The distance within which lies this share of the area."""
    total, share = areas.sum(), percent / 100
    # Only the far end is put in order, where the near end's area does not reach the share.
    start = np.partition(distances, len(distances) * 4 // 5)[len(distances) * 4 // 5]
    far = np.flatnonzero(distances >= start)
    near_area = total - areas[far].sum()
    if near_area >= share * total:
        far, near_area = np.arange(len(distances)), 0.0
    order = far[np.argsort(distances[far])]
    reached = (near_area + np.cumsum(areas[order])) / total
    place = int(np.searchsorted(reached, share))
    return float(distances[order[min(place, len(order) - 1)]])
