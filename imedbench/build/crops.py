"""Parts of a picture that are looked at by themselves, as segment_anything's crops: small objects are larger there."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imedbench.masks import Masks
from imedbench.types import Image

_NEAR = 2
"""Pixels to a border inside the picture within which a mask counts as cut off there."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A rectangle of a picture."""

    layer: int
    """How often the picture is halved for it."""
    low: tuple[int, int]
    """First row and column."""
    high: tuple[int, int]
    """First row and column beyond it."""

    @property
    def slices(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return slice(self.low[0], self.high[0]), slice(self.low[1], self.high[1])

    def of(self, image: Image) -> Image:
        """Its pixels of a 2-D image; their place in space is not kept."""
        return replace(image, voxels=np.ascontiguousarray(image.voxels[self.slices]))

    def back(self, masks: Masks, grid: tuple[int, ...]) -> Masks:
        """Masks found in it that are not cut off by its border, on the whole picture's grid."""
        whole = masks.select(np.flatnonzero(~self._cuts(masks.boxes(), grid)))
        if not self.layer:
            return whole
        infos = [
            info
            if info.point is None
            else replace(info, point=(info.point[0] + self.low[0], info.point[1] + self.low[1]))
            for info in whole.infos
        ]
        return whole.with_infos(infos).placed(grid, self.low)

    def _cuts(self, boxes: NDArray[np.int64], grid: tuple[int, ...]) -> NDArray[np.bool_]:
        """(n,): whether boxes (n, 2, 2) in it come to a border of it that is not one of the picture."""
        size = np.subtract(self.high, self.low)
        inner_low, inner_high = np.greater(self.low, 0), np.less(self.high, grid)
        cut = (boxes[:, 0] < _NEAR) & inner_low | (boxes[:, 1] > size - _NEAR) & inner_high
        return np.asarray(cut.any(1), np.bool_)


def crops(grid: tuple[int, ...], layers: int, overlap: float) -> list[Crop]:
    """The crops of a picture of (height, width): the whole picture, then its quarters, and so on.

    Layer n has 2**n crops a side; neighbours share ``overlap`` x 2 / 2**n of the picture's shorter side.
    """
    found = []
    for layer in range(layers + 1):
        count = 2**layer
        shared = int(overlap * min(grid) * 2 / count) if layer else 0
        spans = [_spans(length, count, shared) for length in grid]
        found += [Crop(layer, (y[0], x[0]), (y[1], x[1])) for y in spans[0] for x in spans[1]]
    return found


def _spans(length: int, count: int, shared: int) -> list[tuple[int, int]]:
    """First and last + 1 of equal stretches of a side."""
    each = math.ceil((shared * (count - 1) + length) / count)
    starts = [index * (each - shared) for index in range(count)]
    return [(start, min(start + each, length)) for start in starts]
