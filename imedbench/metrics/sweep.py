"""Nearest grid points by sweeping the cells around those that ask.

One sweep up and one down tell every cell how far the next target in its column is, along the first axis. Steps along
the other axes are tried in order of length, (0, 0), (0, 1), (1, 0), ...: at each, what is known of the column there may
shorten the way. A point is done when its way is no longer than the steps still to come. Those that are not done after
some steps look at windows of 5 x 5 columns at once, of which they know the least, and into those windows that may
shorten their way. Points that are not done then are left to others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Integers = NDArray[np.intp]
Points = NDArray[np.int32]
Cells = NDArray[np.uint8]
_REACH = 12
"""The longest single steps along an axis."""
_HALF = 2
"""Of a window's width, its middle aside."""
_WINDOWS = 8
"""How many windows to each side are looked at."""
_FAR = 254
"""In a cell: nothing in its column, or this far. One step more still fits a byte."""
_CHECK = 6
"""It is asked who is done after so many windows."""
_AT_ONCE = 1 << 14
"""Points at a time, so that what is known of them stays in the cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is tried, in which order, at a spacing; steps are along all axes but the first."""

    place: int
    """Of the first axis among all, as squares are added: sums of other orders differ by their rounding."""
    along: Reals
    """(256,): squared distance along the first axis, by the content of a cell."""
    margin: Points
    """(axes,): cells that steps need around the points."""
    wide_margin: Points
    """(axes,): cells that windows need around them."""
    steps: Integers
    """(n, axes - 1): the shortest first."""
    ways: Reals
    """(n, 256): squared distance with each step, by the content of the cell there."""
    after: Reals
    """(n,): least squared length of a step that comes later."""
    checks: frozenset[int]
    """After which steps it is asked who is done; the last among them."""
    windows: Integers
    """(m, axes - 1): steps to the middles of windows."""
    gaps: Reals
    """(m + 1,): least squared length of the steps into each window and those after it; at last, beyond all windows."""
    inside: Integers
    """(w, axes - 1): steps from the middle of a window to its columns."""
    squares: Reals
    """(m, w, axes - 1): squared distances along each axis with those steps."""


@lru_cache(maxsize=16)
def plan_for(spacing_mm: tuple[float, ...], place: int = 0) -> Plan:
    """The plan at this spacing of the axes as they are swept; the first of them comes at ``place`` in sums."""
    other = np.array(spacing_mm[1:])
    axes, shortest = len(other), float(other.min())
    along: Reals = (np.arange(_FAR + 1.0) * spacing_mm[0]) ** 2
    along[_FAR] = np.inf
    steps, lengths = _sorted(_block(_REACH, axes), other)
    squares = (steps * other) ** 2
    width = 2 * _HALF + 1
    reach = _WINDOWS * width + _HALF
    middles = width * _block(_WINDOWS, axes)
    gaps = ((np.maximum(np.abs(middles) - _HALF, 0) * other) ** 2).sum(axis=1)
    beyond = ((reach + 1) * shortest) ** 2
    order = np.argsort(gaps, kind="stable")
    order = order[gaps[order] < beyond]
    windows = middles[order]
    inside = _block(_HALF, axes)
    return Plan(
        place,
        along,
        np.array([0, *np.abs(steps).max(axis=0)], np.int32),
        np.array([0, *(np.abs(windows).max(axis=0) + _HALF)], np.int32),
        steps,
        np.stack([_added(along, square, place) for square in squares]),
        np.append(lengths[1:], ((_REACH + 1) * shortest) ** 2),
        frozenset((0, 4, 8, 12, 20, *range(28, len(steps), 12), len(steps) - 1)),
        windows,
        np.append(gaps[order], beyond),
        inside,
        ((windows[:, None] + inside) * other) ** 2,
    )


def _block(half: int, axes: int) -> Integers:
    """All steps of at most ``half`` along each axis."""
    return np.array(list(product(range(-half, half + 1), repeat=axes)), np.intp)


def _sorted(steps: Integers, spacing_mm: Reals) -> tuple[Integers, Reals]:
    """The steps with their squared lengths, the shortest first, up to where steps beyond `_REACH` would come."""
    lengths = ((steps * spacing_mm) ** 2).sum(axis=1)
    kept = np.flatnonzero(lengths < ((_REACH + 1) * spacing_mm.min()) ** 2)
    order = kept[np.argsort(lengths[kept], kind="stable")]
    return steps[order], lengths[order]


def _added(along: Reals, squares: Reals, place: int) -> Reals:
    """The sum of the squares along all axes: ``along`` at its place among the (axes - 1, ...) others."""
    terms = [*squares[:place], along, *squares[place:]]
    return np.asarray(sum(terms[1:], start=terms[0]))


def steps_away(points: Points, targets: Points, plan: Plan) -> tuple[Reals, Integers]:
    """The squared distance in mm² of each point to the nearest target, and which points are too far for single steps.

    Args:
        points: (axes, n), at least one.
        targets: (axes, m), at least one.
        plan: for their spacing.

    Returns:
        (n,) squares, and the (k,) indices of the points whose squares are no more than upper bounds.
    """
    flat, strides, places = _cells(points, targets, plan.margin)
    ways = np.full(len(places), np.inf)
    every = np.arange(len(places))
    left = _in_parts(every, lambda rows: _try_steps(flat.reshape(-1), strides, plan, (places, ways, rows)))
    return ways, left


def windows_away(points: Points, targets: Points, plan: Plan, ways: Reals) -> Integers:
    """Shortens the squared distances of points to the nearest target; which points are too far for windows, too.

    Args:
        points: (axes, n), at least one.
        targets: (axes, m), at least one.
        plan: for their spacing.
        ways: (n,) mm², upper bounds; is written to.
    """
    columns, strides, places = _cells(points, targets, plan.wide_margin)
    both = columns.reshape(-1), _least(columns).reshape(-1)
    every = np.arange(len(places))
    return _in_parts(every, lambda rows: _try_windows(both, strides, plan, (places, ways, rows)))


def _cells(points: Points, targets: Points, margin: Points) -> tuple[Cells, Integers, Integers]:
    """The swept cells around the points, the strides between them, and the points' places when they are flattened."""
    low, high = points.min(axis=1) - margin, points.max(axis=1) + margin + 1
    columns = _along_first_axis(targets, low, high)
    strides = np.array(columns.strides, np.intp)
    return columns, strides, strides @ (points - low[:, None])


_Asking: TypeAlias = tuple[Integers, Reals, Integers]
"""Place in the flattened cells and shortest way so far of every point, and the points that are looked at."""


def _in_parts(rows: Integers, search_some: Callable[[Integers], Integers]) -> Integers:
    """What ``search_some`` leaves of the points, some at a time."""
    parts = range(0, len(rows), _AT_ONCE)
    return np.concatenate([search_some(rows[first : first + _AT_ONCE]) for first in parts])


def _try_steps(flat: Cells, strides: Integers, plan: Plan, asking: _Asking) -> Integers:
    """Shortens the ways by single steps; the points that are not done."""
    places, ways, left = asking
    here, way = places[left], ways[left]
    for number, offset in enumerate((plan.steps @ strides[1:]).tolist()):
        np.minimum(way, plan.ways[number][flat[here + offset]], out=way)
        if number in plan.checks:
            ways[left] = way
            kept = np.flatnonzero(way > plan.after[number])
            left, here, way = left[kept], here[kept], way[kept]
            if not len(left):
                break
    return left


def _try_windows(cells: tuple[Cells, Cells], strides: Integers, plan: Plan, asking: _Asking) -> Integers:
    """Shortens the ways by windows; the points that are not done."""
    flat, least = cells
    places, ways, left = asking
    here, way = places[left], ways[left]
    inside = plan.inside @ strides[1:]
    for number, offset in enumerate((plan.windows @ strides[1:]).tolist()):
        nearer = np.flatnonzero((plan.along + plan.gaps[number])[least[here + offset]] < way)
        if len(nearer):
            columns = flat[here[nearer] + (offset + inside)[:, None]]
            shortest = _added(plan.along[columns], plan.squares[number].T[:, :, None], plan.place).min(axis=0)
            way[nearer] = np.minimum(way[nearer], shortest)
        if number % _CHECK == _CHECK - 1 or number == len(plan.windows) - 1:
            ways[left] = way
            kept = np.flatnonzero(way > plan.gaps[number + 1])
            left, here, way = left[kept], here[kept], way[kept]
            if not len(left):
                break
    return left


def _along_first_axis(targets: Points, low: Points, high: Points) -> Cells:
    """For each cell from ``low`` to ``high`` how many steps along the first axis it is to a target, at most `_FAR`."""
    columns = np.full(high - low, _FAR, np.uint8)
    inside = np.ones(targets.shape[1], np.bool_)
    for axis in range(1, len(low)):
        inside &= (targets[axis] >= low[axis]) & (targets[axis] < high[axis])
    places = (targets if inside.all() else targets[:, inside]) - low[:, None]
    if not places.size:
        return columns
    # Targets below or above the cells count from the first or the last cell of their column.
    within = np.clip(places[0], 0, len(columns) - 1)
    away = np.minimum(np.abs(places[0] - within), _FAR).astype(np.uint8)
    order = np.argsort(away)[::-1] if away.any() else slice(None)
    columns[(within[order], *places[1:, order])] = away[order]
    sides = zip(places[1:].min(axis=1).tolist(), places[1:].max(axis=1).tolist(), strict=True)
    filled = columns[(slice(None), *(slice(first, last + 1) for first, last in sides))]
    step = np.empty(filled.shape[1:], np.uint8)
    for rows in (filled, filled[::-1]):
        for before, here in pairwise(rows):
            np.add(before, 1, out=step)
            np.minimum(here, step, out=here)
    return columns


def _least(columns: Cells) -> Cells:
    """The least of the cells in the window around each cell; cells near the sides have none."""
    for axis in range(1, columns.ndim):
        least = columns.copy()
        middle = slice(_HALF, columns.shape[axis] - _HALF)
        for shift in range(-_HALF, _HALF + 1):
            moved = slice(middle.start + shift, middle.stop + shift)
            before = (slice(None),) * axis
            np.minimum(least[(*before, middle)], columns[(*before, moved)], out=least[(*before, middle)])
        columns = least
    return columns
