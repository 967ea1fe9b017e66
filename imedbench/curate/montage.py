"""A curated volume at a glance: slices with their labels as colours."""

import cv2
import numpy as np
from numpy.typing import NDArray

from imedbench.curate.body import Scan
from imedbench.curate.classes import Classes
from imedbench.curate.colours import label_colours
from imedbench.types import Array, Mask

WINDOW_HU = (-160.0, 240.0)
"""Fat and muscle apart: the usual window of the belly."""
_HEIGHTS = (0.12, 0.38, 0.62, 0.88)
"""Of the axial slices, as shares of the way from the body's lower to its upper end."""
_SIDE, _GAP = 300, 6
_BACKGROUND = (13, 17, 20)
_OPACITY = 0.5


def montage(scan: Scan, labels: NDArray[np.uint8], classes: Classes) -> NDArray[np.uint8]:
    """(rows, columns, 3): a coronal, a sagittal and four axial slices, plain above and in colours below.

    Axial slices are seen from the feet, the patient's right on the left; muscle is red, visceral fat orange and
    subcutaneous fat yellow.
    """
    table = label_colours(classes)
    columns, box = [], _box(scan)
    voxels, labels = scan.voxels[box], labels[box]
    for axis, at in _planes(scan.body):
        voxel = min(voxels.shape[axis] - 1, int((at + 0.5) * scan.grid.factors[axis]) - box[axis].start)
        plain, told = _turned(voxels.take(voxel, axis)), _turned(labels.take(voxel, axis))
        spacing = [mm for other, mm in enumerate(scan.spacing_mm) if other != axis]
        grey = _grey(plain)
        tinted = np.where(told[..., None] > 0, (1 - _OPACITY) * grey + _OPACITY * table[told], grey).astype(np.uint8)
        columns.append(np.concatenate([_framed(grey, spacing), _framed(tinted, spacing)]))
    gap = np.full((2 * (_SIDE + _GAP), _GAP, 3), _BACKGROUND, np.uint8)
    return np.concatenate([part for column in columns for part in (column, gap)], 1)[:-_GAP, :-_GAP]


def _box(scan: Scan) -> tuple[slice, slice, slice]:
    """Of the body, in voxels."""
    z, y, x = (
        slice(int(along[0]) * factor, (int(along[-1]) + 1) * factor)
        for along, factor in zip(_extent(scan.body), scan.grid.factors, strict=True)
    )
    return z, y, x


def _extent(body: Mask) -> list[NDArray[np.int64]]:
    """Along each axis, where the body is."""
    return [np.flatnonzero(body.any(tuple(other for other in range(3) if other != axis))) for axis in range(3)]


def _planes(body: Mask) -> list[tuple[int, int]]:
    """Axis and place, on the grid: through the middle of the body, and at heights of it."""
    where = _extent(body)
    found = [(axis, int(along[len(along) // 2])) for axis, along in ((1, where[1]), (2, where[2]))]
    return [*found, *((0, int(where[0][int(share * (len(where[0]) - 1))])) for share in _HEIGHTS)]


def _turned(plane: Array) -> Array:
    """As radiologists look at it: the head or the front above; the patient's right, or the front, on the left."""
    return plane[::-1, ::-1]


def _grey(plane: Array) -> NDArray[np.uint8]:
    low, high = WINDOW_HU
    shades = np.clip((plane.astype(np.float32) - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
    return np.repeat(shades[..., None], 3, 2)


def _framed(picture: NDArray[np.uint8], spacing_mm: list[float]) -> NDArray[np.uint8]:
    """At one size, its millimetres square, in the middle of a dark panel."""
    height, width = (count * mm for count, mm in zip(picture.shape[:2], spacing_mm, strict=True))
    scale = _SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    drawn = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if size[0] < picture.shape[1] else cv2.INTER_LINEAR)
    found = np.full((_SIDE + _GAP, _SIDE, 3), _BACKGROUND, np.uint8)
    top, left = (_SIDE - size[1]) // 2, (_SIDE - size[0]) // 2
    found[top : top + size[1], left : left + size[0]] = drawn
    return found
