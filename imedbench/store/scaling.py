"""Pictures and masks at another size; masks on their runs, so that they are drawn once, at the size that is wanted."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imedbench.masks import Integers, Masks, ranges
from imedbench.types import Array


def scale_picture(picture: Array, side: int, interpolation: Literal["linear", "nearest"]) -> NDArray[np.uint8]:
    """(h, w, ...) uint8 stretched over (side, side, ...): linear, averaged where it is larger, or nearest pixels."""
    import cv2

    method = cv2.INTER_NEAREST_EXACT
    if interpolation == "linear":
        method = cv2.INTER_AREA if max(picture.shape[:2]) > side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(picture), (side, side), interpolation=method), np.uint8)


def scale_masks(masks: Masks, grid: tuple[int, int]) -> Masks:
    """2-D masks on another grid, each pixel like the one that its centre falls on (nearest neighbour).

    A mask so small that no centre falls on it keeps the pixel that holds its middle voxel.
    """
    owner = np.repeat(np.arange(len(masks)), np.diff(masks.indptr))
    rows, left = np.divmod(masks.starts, masks.shape[1])
    columns = _sources(masks.shape[1], grid[1])
    low = np.searchsorted(columns, left)
    high = np.searchsorted(columns, left + masks.lengths)
    lines = _sources(masks.shape[0], grid[0])
    first = np.searchsorted(lines, rows)
    copies = np.where(high > low, np.searchsorted(lines, rows, side="right") - first, 0)
    run = np.repeat(np.arange(len(rows)), copies)
    owner, starts, lengths = owner[run], ranges(first, copies) * grid[1] + low[run], (high - low)[run]
    lost = np.flatnonzero((np.bincount(owner, minlength=len(masks)) == 0) & (np.diff(masks.indptr) > 0))
    if len(lost):
        owner = np.concatenate([owner, lost])
        starts = np.concatenate([starts, _middles(masks, lost, grid)])
        lengths = np.concatenate([lengths, np.ones(len(lost), np.int64)])
    order = np.argsort(owner * (grid[0] * grid[1]) + starts, kind="stable")
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(owner, minlength=len(masks)))])
    return Masks(grid, indptr, starts[order], lengths[order], masks.infos)


def draw_masks(masks: Masks) -> NDArray[np.bool_]:
    """(n, *grid): all masks as bool arrays, written in one go."""
    size = int(np.prod(masks.shape))
    owner = np.repeat(np.arange(len(masks)), np.diff(masks.indptr))
    starts = masks.starts + owner * size
    # Background and foreground alternate over all masks laid end to end.
    edges = np.zeros(2 * len(starts) + 2, np.int64)
    edges[1:-1:2] = starts
    edges[2:-1:2] = starts + masks.lengths
    edges[-1] = size * len(masks)
    inside = np.zeros(len(edges) - 1, np.bool_)
    inside[1::2] = True
    return np.repeat(inside, np.diff(edges)).reshape(len(masks), *masks.shape)


def draw_points(masks: Masks, rng: np.random.Generator) -> NDArray[np.float32]:
    """(n, d): a voxel of each mask, all its voxels equally likely. No mask may be empty."""
    ends = np.cumsum(masks.lengths)
    areas = masks.areas()
    wanted = rng.integers(areas) + np.concatenate([np.zeros(1, np.int64), ends])[masks.indptr[:-1]]
    return np.stack(np.unravel_index(_voxels(masks, ends, wanted), masks.shape), axis=-1).astype(np.float32)


def _voxels(masks: Masks, ends: Integers, wanted: Integers) -> Integers:
    """Places on the flattened grid of the foreground voxels with these numbers, counted over all masks."""
    run = np.searchsorted(ends, wanted, side="right")
    return masks.starts[run] + wanted - (ends[run] - masks.lengths[run])


def _sources(old: int, new: int) -> Integers:
    """(new,): which of the old pixels each new pixel's centre falls on."""
    return (2 * np.arange(new) + 1) * old // (2 * new)


def _middles(masks: Masks, lost: Integers, grid: tuple[int, int]) -> Integers:
    """(lost,): where on the flattened new grid the middle voxel of each lost mask lies."""
    ends = np.cumsum(masks.lengths)
    before = np.concatenate([np.zeros(1, np.int64), ends])[masks.indptr]
    row, column = np.divmod(_voxels(masks, ends, (before[lost] + before[lost + 1]) // 2), masks.shape[1])
    places: Integers = row * grid[0] // masks.shape[0] * grid[1] + column * grid[1] // masks.shape[1]
    return places
