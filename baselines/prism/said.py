"""What a user says of a target in a volume, on the network's spacing, and the cubes that it is looked for in.

Cubes lie around prompts, never around the truth: around a box, as many as it needs; without one, around what is said
to be inside. What is said to be inside where no cube is yet begins a new one, so that a target may have several parts.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from baselines.prism.cubes import Corner, around, begin
from baselines.prism.intake import Scaling
from imedbench.types import Array, Box, Click, Logits, MaskPrompt, Prompt, Scribble

OVERLAP = 16
"""Voxels that neighbouring cubes share at least (published for the liver)."""
Voxel = NDArray[np.int64]
_Kind = TypeVar("_Kind", Click, Box, Scribble, MaskPrompt)


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """The prompts of a turn for one target."""

    places: Voxel
    """(n, 3) voxels z, y, x: clicks, then scribbles."""
    inside: NDArray[np.bool_]
    """(n,)"""
    box: Voxel | None
    """(2, 3) first voxels, and one beyond the last."""
    mask: Logits | None
    """On the network's grid."""

    @classmethod
    def of(cls, prompts: Sequence[Prompt], scaling: Scaling) -> "Said":
        """What the prompts say.

        Raises:
            ValueError: there are two boxes, or a click or a stroke lies outside the volume.
        """
        places, inside = [np.zeros((0, 3))], [np.zeros(0, np.bool_)]
        told = [(np.array([click.at]), click.inside) for click in _of(prompts, Click)]
        told += [(scribble.voxels, scribble.inside) for scribble in _of(prompts, Scribble)]
        for voxels, is_inside in told:
            places.append(_scaled(voxels, scaling))
            inside.append(np.full(len(voxels), is_inside))
        boxes = [_box(prompt, scaling) for prompt in _of(prompts, Box)]
        if len(boxes) > 1:
            message = f"one box a target, not {len(boxes)}"
            raise ValueError(message)
        masks = [scaling.down(prompt.logits) for prompt in _of(prompts, MaskPrompt)]
        return cls(
            np.concatenate(places).astype(np.int64),
            np.concatenate(inside),
            boxes[0] if boxes else None,
            masks[-1] if masks else None,
        )

    def within(self, corner: Corner, size: int) -> "Said":
        """What of it lies in a cube, from the cube's first voxel."""
        places = self.places - corner
        here = ((places >= 0) & (places < size)).all(1)
        return Said(places[here], self.inside[here], self._clipped(corner, size), None)

    def _clipped(self, corner: Corner, size: int) -> Voxel | None:
        if self.box is None:
            return None
        clipped = (self.box - np.array(corner)).clip(0, size)
        return clipped if (clipped[0] < clipped[1]).all() else None


def cubes(said: Said, there: Sequence[Corner], grid: Sequence[int], size: int) -> list[Corner]:
    """The cubes of a target: those that are there, and those that these prompts begin."""
    found = list(there)
    extent = said.box
    if extent is None and said.mask is not None and not there:
        extent = _extent(said.mask > 0)
    if extent is not None and not any(_held(np.stack([extent[0], extent[1] - 1]), [one], size).all() for one in there):
        found += [corner for corner in _tiles(extent, grid, size) if corner not in found]
    inside = said.places[said.inside]
    left = inside[~_held(inside, found, size)]
    if len(left) and (np.ptp(left, 0) < size).all():
        found.append(around((left.min(0) + left.max(0) + 1) // 2, grid, size))
    while len(left := inside[~_held(inside, found, size)]):
        found.append(around(left[0], grid, size))
    if not found and len(said.places):
        found.append(around(said.places[0], grid, size))
    return found


def _held(places: Voxel, corners: Sequence[Corner], size: int) -> NDArray[np.bool_]:
    """(n,) whether a cube has each."""
    held = np.zeros(len(places), np.bool_)
    for corner in corners:
        apart = places - corner
        held |= ((apart >= 0) & (apart < size)).all(1)
    return held


def _tiles(extent: Voxel, grid: Sequence[int], size: int) -> list[Corner]:
    """Cubes that cover an extent; one in its middle if it fits."""
    firsts = []
    for low, high, length in zip(*extent.tolist(), grid, strict=True):
        if high - low <= size:
            firsts.append([begin((low + high) // 2, length, size)])
            continue
        count = -(-(high - low - OVERLAP) // (size - OVERLAP))
        firsts.append([round(each) for each in np.linspace(low, high - size, count)])
    return [(z, y, x) for z, y, x in itertools.product(*firsts)]


def _extent(mask: Array) -> Voxel | None:
    places = np.argwhere(mask)
    return np.stack([places.min(0), places.max(0) + 1]) if len(places) else None


def _of(prompts: Sequence[Prompt], kind: type[_Kind]) -> list[_Kind]:
    return [each for each in prompts if isinstance(each, kind)]


def _scaled(voxels: Array, scaling: Scaling) -> Array:
    """(n, 3) voxels of the image, on the other grid.

    Raises:
        ValueError: one is outside.
    """
    outside = ((voxels < -0.5) | (voxels > np.array(scaling.grid) - 0.5)).any(1)
    if outside.any():
        place = ", ".join(f"{each:g}" for each in voxels[outside][0])
        message = f"({place}) lies outside the volume, whose grid is {scaling.grid}"
        raise ValueError(message)
    return np.floor(voxels * scaling.factors + 0.5).clip(0, np.array(scaling.scaled) - 1)


def _box(box: Box, scaling: Scaling) -> Voxel:
    """(2, 3) first voxels and one beyond the last, at least one voxel inside the volume.

    As the box around a mask becomes the box around that mask on the other grid: its edges lie half a voxel beyond its
    voxels' centres, and all centres between them are inside.
    """
    grid = np.array(scaling.scaled)
    low, high = (np.ceil((np.array(each) - 0.5) * scaling.factors - 1e-6) for each in (box.low, box.high))
    low = low.clip(0, grid - 1)
    return np.stack([low, np.maximum(high, low + 1).clip(1, grid)]).astype(np.int64)
