"""Planes of volumes, cut from images and from encoded masks, turned as a radiologist sees them."""

from dataclasses import dataclass

import numpy as np

from imedbench.masks import Masks
from imedbench.types import Array, Image

AXIS_NAMES = ("axial", "coronal", "sagittal")


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One picture to look at: a whole 2-D case, or a plane of a volume."""

    voxels: Array
    """(rows, columns), with a further last axis where there is more than one channel."""
    masks: Masks
    """On (rows, columns)."""
    spacing_mm: tuple[float, float]
    title: str = ""


def cut_image(voxels: Array, axis: int, index: int) -> Array:
    """A plane of a (z, y, x) array, half a turn from the array's own order; trailing channels are kept."""
    return np.ascontiguousarray(voxels.take(index, axis=axis)[::-1, ::-1])


def cut_masks(masks: Masks, axis: int, index: int) -> Masks:
    """The same plane of encoded masks, without decoding them; masks that it misses stay, empty."""
    depth, height, width = masks.shape
    owners = np.repeat(np.arange(len(masks)), np.diff(masks.indptr))
    rows, x = np.divmod(masks.starts, width)
    z, y = np.divmod(rows, height)
    if axis == 0:
        met, grid = z == index, (height, width)
        starts, lengths = y * width + x, masks.lengths
    elif axis == 1:
        met, grid = y == index, (depth, width)
        starts, lengths = z * width + x, masks.lengths
    else:
        met, grid = (x <= index) & (index < x + masks.lengths), (depth, height)
        starts, lengths = z * height + y, np.ones_like(masks.lengths)
    owners, starts, lengths = owners[met], starts[met], lengths[met]
    starts = grid[0] * grid[1] - starts - lengths
    order = np.lexsort((starts, owners))
    indptr = np.searchsorted(owners, np.arange(len(masks) + 1))
    starts, lengths = starts[order], lengths[order]
    if axis == 2:
        indptr, starts, lengths = _join(indptr, starts, lengths, width=height)
    return Masks(grid, indptr, starts, lengths, masks.infos)


def centre_of(masks: Masks) -> tuple[int, ...]:
    """The voxel of the largest truth mask (of any mask, where there is no truth) next to its centre of mass.

    The centre of the grid where there are no masks.
    """
    areas = masks.areas()
    if not areas.any():
        return tuple(length // 2 for length in masks.shape)
    truth = np.array([info.kind == "gt" for info in masks.infos])
    largest = masks.select([int(np.argmax(np.where(truth, areas, 0) if (areas * truth).any() else areas))])
    middles = np.stack(np.unravel_index(largest.starts + largest.lengths // 2, masks.shape), 1)
    centre = np.average(middles, axis=0, weights=largest.lengths)
    nearest = middles[np.argmin(((middles - centre) ** 2).sum(1))]
    return tuple(int(place) for place in nearest)


def views_of(image: Image, masks: Masks) -> list[View]:
    """A picture as it is; a volume as its axial, coronal and sagittal plane through its largest object."""
    if len(image.grid) == 2:
        rows, columns = image.spacing_mm
        return [View(image.voxels, masks, (rows, columns))]
    centre = centre_of(masks)
    return [_plane(image, masks, axis, centre[axis]) for axis in range(3)]


def _plane(image: Image, masks: Masks, axis: int, index: int) -> View:
    rows, columns = (image.spacing_mm[other] for other in range(3) if other != axis)
    cut = cut_masks(masks, axis, index)
    met = cut.select(np.flatnonzero(cut.areas()))
    title = f"{AXIS_NAMES[axis]}, {'zyx'[axis]} = {index}"
    return View(cut_image(image.voxels, axis, index), met, (rows, columns), title)


def _join(indptr: Array, starts: Array, lengths: Array, width: int) -> tuple[Array, Array, Array]:
    """Runs of single voxels, joined where they touch inside a row of one mask."""
    first = np.ones(len(starts), np.bool_)
    first[1:] = (starts[1:] != starts[:-1] + 1) | (starts[1:] % width == 0)
    first[indptr[:-1][indptr[:-1] < len(starts)]] = True
    heads = np.flatnonzero(first)
    ends = np.append(heads[1:], len(starts))
    joined = np.concatenate([[0], np.cumsum(first)])
    return joined[indptr], starts[heads], (ends - heads).astype(lengths.dtype)
