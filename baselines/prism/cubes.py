"""Cubes of volumes: where they lie, what they show, and how training varies them."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from baselines.prism.course import Data
from imedbench.types import Array

Corner = tuple[int, int, int]
"""First voxel (z, y, x), which may lie outside the volume."""


def around(centre: Sequence[int], grid: Sequence[int], size: int) -> Corner:
    """Of the cube with this voxel in its middle, moved inside the volume; a shorter axis lies in the cube's middle."""
    z, y, x = (begin(place, length, size) for place, length in zip(centre, grid, strict=True))
    return z, y, x


def begin(place: int, length: int, size: int) -> int:
    """The same along one axis."""
    return min(max(int(place) - size // 2, 0), length - size) if length >= size else (length - size) // 2


def cut(voxels: Array, corner: Corner, size: int, *, beyond: float) -> Array:
    """(size, size, size) of a volume; ``beyond`` where there is none."""
    found = np.full((size,) * 3, beyond, voxels.dtype)
    inside, outside = overlap(corner, voxels.shape, size)
    found[inside] = voxels[outside]
    return found


def overlap(corner: Corner, grid: Sequence[int], size: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """What a cube shares with a volume: as a part of the cube, and of the volume."""
    low = [max(0, first) for first in corner]
    high = [max(least, min(length, first + size)) for least, first, length in zip(low, corner, grid, strict=True)]
    within = [slice(least - first, most - first) for least, most, first in zip(low, high, corner, strict=True)]
    return tuple(within), tuple(slice(least, most) for least, most in zip(low, high, strict=True))


def varied(image: Array, truth: Array, data: Data, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A cube (S, S, S) and its truth, mirrored, zoomed, brighter or darker: (1, S, S, S) of float32."""
    flips = [axis for axis in range(3) if rng.random() < data.mirror]
    zoomed, factor = rng.random() < data.zoom_chance, rng.uniform(*data.zoom)
    moved = rng.uniform(-data.shift, data.shift) if rng.random() < data.shift_chance else 0.0
    pair = [torch.from_numpy(np.ascontiguousarray(np.flip(each, tuple(flips)), np.float32)) for each in (image, truth)]
    if zoomed:
        seen, told = _zoomed(pair[0], factor, "bilinear"), _zoomed(pair[1], factor, "nearest")
        # What is small may have moved out of sight.
        if told.any():
            pair = [seen, told]
    return (pair[0] + moved)[None], pair[1][None]


def _zoomed(cube: Tensor, factor: float, how: str) -> Tensor:
    """(S, S, S): its middle, larger or smaller; at the border voxels are repeated."""
    place = torch.eye(3, 4)[None] / factor
    grid = functional.affine_grid(place, [1, 1, *cube.shape], align_corners=False)
    found: Tensor = functional.grid_sample(cube[None, None], grid, how, "border", align_corners=False)
    return found[0, 0]


def box_of(truth: Array) -> NDArray[np.int64]:
    """(6,) first voxels along each axis, then one beyond the last."""
    places = np.nonzero(truth)
    return np.array([each.min() for each in places] + [each.max() + 1 for each in places], np.int64)
