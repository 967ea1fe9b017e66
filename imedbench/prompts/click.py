"""Clicks: in the object, and on mistakes."""

from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from pydantic import Field

from imedbench.prompts.base import Scene, Simulator
from imedbench.prompts.depth import Region, centroid, rim, squared_depth
from imedbench.prompts.imperfect import within_the_slice
from imedbench.prompts.regions import RegionName, Slices, View, clicked_voxels, select, views
from imedbench.types import Array, Click, Mask

Place = Literal["deepest", "farthest", "centroid", "uniform", "central-half", "boundary", "inner"]


class ClickUser(Simulator):
    """Clicks on a region; whether a click says inside or outside is what the truth says at its voxel.

    The depth of a voxel is its distance to the nearest voxel centre outside the region; the image's border is a border
    of the region.
    """

    simulate: Literal["click"] = "click"
    region: RegionName = "object"
    place: Place = "deepest"
    """Where in the region.

    - deepest: one of the deepest voxels, by lot (CVPR 2025).
    - farthest: the deepest voxel that comes first in raster order (RITM).
    - centroid: the voxel of the region that is nearest to its centre of mass; the first in raster order.
    - uniform: any voxel (PRISM; first clicks of CT-SAM3D; corrections of IMIS-Net, SAM-Med2D and SAM-Med3D).
    - central-half: any of the half that is nearest to the centre of mass, rounded down (first clicks of IMIS-Net).
    - boundary: any voxel with a face neighbour outside.
    - inner: any voxel more than half as deep as the deepest (the RITM-like clicks of SAM-Med3D).
    """
    count: int = Field(default=1, ge=1)
    """Clicks in a turn, in each slice where it is by slice; fewer where the region has fewer voxels.

    Those at deepest, farthest and centroid come one after the other, each as though the voxels of those before were
    outside the region, so that they spread; the others are drawn at once without repetition.
    """
    slices: Slices = "volume"
    """In a volume: anywhere; in each slice with a part of the region, as though it were an image; in the middle one."""
    spacing_aware: bool = False
    """Whether distances are in millimetres; in voxels, as published programs have them, where not."""
    avoid_clicked: bool = True
    """Whether voxels clicked before are left alone as long as the region has others; CVPR 2025 does not look."""

    def on_each_slice(self) -> "ClickUser":
        """The same user, prompting each slice of a volume by itself, and erring within it."""
        imperfect = tuple(within_the_slice(one) for one in self.imperfect)
        return self.model_copy(update={"slices": "each", "imperfect": imperfect})

    def draw(self, truth: Mask, guess: Mask, rng: Generator, scene: Scene) -> tuple[Click, ...]:
        """The clicks of a turn; none where the region is empty."""
        clicked = clicked_voxels(scene.given if self.avoid_clicked else (), truth.ndim)
        whole = View(truth, guess, clicked, scene.spacing_mm if self.spacing_aware else None)
        places = [at for view in views(whole, self.region, self.slices) for at in self._in(view, rng)]
        return tuple(Click(at, bool(truth[at])) for at in places)

    def _in(self, view: View, rng: Generator) -> list[tuple[int, ...]]:
        region = select(view, self.region, rng)
        if region is None:
            return []
        free = view.free(region)
        if not free.any():
            free = region.mask
        if self.place in {"deepest", "farthest", "centroid"}:
            found = self._best(view, region, free, rng)
        else:
            found = self._drawn(view, region, free, rng)
        return [view.place(at + np.array(region.low)) for at in found]

    def _best(self, view: View, region: Region, free: Mask, rng: Generator) -> list[NDArray[np.intp]]:
        left, free = region.mask.copy(), free.copy()
        found: list[NDArray[np.intp]] = []
        for turn in range(min(self.count, int(np.count_nonzero(free)))):
            merit = region.depth if not turn and self.place != "centroid" else None
            merit = self._merit(view, left) if merit is None else merit.copy()
            merit *= free
            if self.place == "deepest":
                chosen = int(rng.choice(np.flatnonzero(merit == merit.max())))
            else:
                chosen = int(merit.argmax())
            at = np.array(np.unravel_index(chosen, merit.shape))
            found.append(at)
            left[tuple(at)] = free[tuple(at)] = False
        return found

    def _merit(self, view: View, mask: Mask) -> Array:
        """The greater the better; above 0 in the whole region."""
        if self.place == "centroid":
            distance = _squared_distance(mask.shape, centroid(mask), view.spacing_mm)
            return np.asarray(distance.max() + 1 - distance)
        return squared_depth(mask, view.spacing_mm)

    def _drawn(self, view: View, region: Region, free: Mask, rng: Generator) -> list[NDArray[np.intp]]:
        candidates = np.flatnonzero(self._preferred(view, region.mask) & free)
        if not len(candidates):
            candidates = np.flatnonzero(free)
        chosen = rng.choice(candidates, min(self.count, len(candidates)), replace=False)
        return list(np.stack(np.unravel_index(chosen, free.shape), axis=1))

    def _preferred(self, view: View, mask: Mask) -> Mask:
        match self.place:
            case "central-half":
                return _central_half(mask, view.spacing_mm)
            case "boundary":
                return rim(mask)
            case "inner":
                depth = squared_depth(mask, view.spacing_mm)
                return np.asarray(depth > depth.max() / 4)
            case _:
                return mask


def _squared_distance(shape: tuple[int, ...], centre: NDArray[np.float64], spacing: object) -> NDArray[np.float64]:
    scale = np.ones(len(shape)) if spacing is None else np.asarray(spacing)
    axes = [((np.arange(size) - middle) * unit) ** 2 for size, middle, unit in zip(shape, centre, scale, strict=True)]
    total = np.zeros(shape)
    for axis, squares in enumerate(axes):
        total += squares.reshape([-1 if other == axis else 1 for other in range(len(shape))])
    return total


def _central_half(mask: Mask, spacing: object) -> Mask:
    places = np.flatnonzero(mask)
    distance = _squared_distance(mask.shape, centroid(mask), spacing).ravel()[places]
    nearest = places[np.argsort(distance, kind="stable")[: max(1, len(places) // 2)]]
    half = np.zeros(mask.size, np.bool_)
    half[nearest] = True
    return half.reshape(mask.shape)
