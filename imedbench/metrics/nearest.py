"""How far grid points are from the nearest of others: exactly, and fast where that is near."""

import math
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imedbench.metrics.sweep import plan_for, steps_away, windows_away

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

Reals = NDArray[np.float64]
Points = NDArray[np.int32]
_CELLS_A_POINT = 400
"""A sweep over more cells than this for each point takes longer than the tree."""
_MANY = 1000
"""Fewer points than this are sooner found in the tree than in windows."""


class Targets:
    """Points of a grid to which distances are wanted.

    Args:
        points: (axes, m), indices; two or three axes.
        spacing_mm: distance between neighbours, one an axis.
    """

    def __init__(self, points: Points, spacing_mm: tuple[float, ...]) -> None:
        # Columns along the finest axis leave the fewest steps along the others.
        finest = int(np.argmin(spacing_mm))
        self._axes = [finest, *(axis for axis in range(len(spacing_mm)) if axis != finest)]
        self._points, self._spacing = points, spacing_mm
        self._turned = np.ascontiguousarray(points[self._axes])
        self._plan = plan_for(tuple(spacing_mm[axis] for axis in self._axes), finest)

    def distances_from(self, points: Points) -> Reals:
        """(n,) mm from each of the points (axes, n) to the nearest target; infinite where there is none.

        A distance is the root of the sum, in the order of the axes, of the squares of steps times spacing in double
        precision, as in scipy's distance transform: what equals a tolerance there does so here.
        """
        if not (points.size and self._points.size):
            return np.full(points.shape[1], np.inf)
        squares, left = np.full(points.shape[1], np.inf), np.arange(points.shape[1])
        turned = np.ascontiguousarray(points[self._axes])
        if _is_dense(turned, self._plan.margin):
            squares, left = steps_away(turned, self._turned, self._plan)
        if len(left) >= _MANY and _is_dense(turned[:, left], self._plan.wide_margin):
            near = squares[left]
            still = windows_away(turned[:, left], self._turned, self._plan, near)
            squares[left] = near
            left = left[still]
        if len(left):
            squares[left] = self._look_up(points[:, left])
        distances: Reals = np.sqrt(squares)
        return distances

    def _look_up(self, points: Points) -> Reals:
        """The squared distances, by a tree."""
        spacing = np.array(self._spacing)
        _, nearest = self._tree.query(points.T * spacing)
        ways = (points - self._points[:, nearest]) * spacing[:, None]
        squares: Reals = (ways * ways).sum(axis=0)
        return squares

    @cached_property
    def _tree(self) -> "cKDTree":
        from scipy.spatial import cKDTree

        return cKDTree(self._points.T * np.array(self._spacing), balanced_tree=False, compact_nodes=False)


def _is_dense(points: Points, margin: Points) -> bool:
    """Whether the cells around the points are few enough to sweep them."""
    sides = points.max(axis=1) - points.min(axis=1) + 2 * margin + 1
    return bool(math.prod(sides.tolist()) <= _CELLS_A_POINT * points.shape[1])
