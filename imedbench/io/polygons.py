"""Contours filled on a pixel grid."""

from collections.abc import Sequence

import numpy as np

from imedbench.types import Array, Mask

HAIR = 1e-3
"""Pixels by which a row of centres may miss a corner of a contour and still touch it: coordinates are rounded."""
MARGIN = 10 * HAIR
"""The same along a row: an edge at a slant moves by more than the hair that its row was moved."""


def filled_polygons(contours: Sequence[Array], shape: tuple[int, int]) -> Mask:
    """(h, w): the pixels whose centre lies inside an odd number of closed contours, or on one.

    A contour inside another is therefore a hole, whose outline stays with the object.

    Args:
        contours: (n, 2) points each, (row, column) in pixel units, integers at centres.
        shape: the grid; what lies beyond is cut off.
    """
    tails = np.concatenate([np.asarray(contour, np.float64) for contour in contours])
    heads = np.concatenate([np.roll(np.asarray(contour, np.float64), -1, axis=0) for contour in contours])
    # Half-open edges lose the pixels of one end; a hair's breadth to either side together keeps both.
    spans = [_inner_spans(tails, heads, shape[0], shift) for shift in (-HAIR, HAIR)]
    spans.append(_level_spans(tails, heads, shape[0]))
    rows, lows, highs = (np.concatenate(parts) for parts in zip(*spans, strict=True))
    first = np.clip(np.ceil(lows - MARGIN), 0, shape[1]).astype(np.intp)
    stop = np.clip(np.floor(highs + MARGIN) + 1, 0, shape[1]).astype(np.intp)
    change = np.zeros((shape[0], shape[1] + 1), np.int32)
    some = stop > first
    np.add.at(change, (rows[some], first[some]), 1)
    np.add.at(change, (rows[some], stop[some]), -1)
    inside: Mask = np.cumsum(change, axis=1)[:, :-1] > 0
    return inside


def _inner_spans(tails: Array, heads: Array, height: int, shift: float) -> tuple[Array, Array, Array]:
    """Row, low and high column of every stretch inside, along the rows' centre lines moved by ``shift``."""
    low, high = np.minimum(tails[:, 0], heads[:, 0]), np.maximum(tails[:, 0], heads[:, 0])
    first = np.clip(np.ceil(low - shift), 0, height).astype(np.intp)
    stop = np.clip(np.ceil(high - shift), 0, height).astype(np.intp)
    counts = np.maximum(stop - first, 0)
    edge = np.repeat(np.arange(len(tails)), counts)
    rows = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    rise, run = (heads - tails)[edge].T
    columns = tails[edge, 1] + (rows + shift - tails[edge, 0]) * run / rise
    order = np.lexsort((columns, rows))
    return rows[order][0::2], columns[order][0::2], columns[order][1::2]


def _level_spans(tails: Array, heads: Array, height: int) -> tuple[Array, Array, Array]:
    """Row, low and high column of the edges that run along a row of centres; a lone point is one too."""
    rows = np.rint(tails[:, 0])
    level = (np.abs(tails[:, 0] - rows) <= HAIR) & (np.abs(heads[:, 0] - rows) <= HAIR) & (rows >= 0) & (rows < height)
    ends = tails[level, 1], heads[level, 1]
    return rows[level].astype(np.intp), np.minimum(*ends), np.maximum(*ends)
