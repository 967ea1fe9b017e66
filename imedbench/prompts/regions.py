"""Which part of an image a user speaks of: the object, or one of the mistakes in the guess."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from imedbench.prompts.depth import Region, Spacing, region_of, squared_depth
from imedbench.types import Click, Mask, Prompt

RegionName = Literal["object", "background", "largest-error", "deeper-error", "any-error", "missed", "surplus", "coin"]
"""What a prompt is about.

- object, background: the truth, and all the rest.
- missed, surplus: of the truth and not of the guess, and the other way round (false negative, false positive).
- any-error: both together, as one region (PRISM, IMIS-Net, CT-SAM3D).
- largest-error: the largest connected component of both together, by 26 or 8 neighbours; among equals the one that
  comes first in cc3d's order (CVPR 2025).
- deeper-error: missed or surplus, whichever has the deeper point; among equals surplus (RITM).
- coin: missed or surplus by a fair coin where there are both (SAM-Med3D).
"""
Slices = Literal["volume", "each", "middle"]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What a user looks at: an image, or one slice of it."""

    truth: Mask
    guess: Mask
    clicked: NDArray[np.intp]
    """(n, d) voxels that were clicked before."""
    spacing_mm: Spacing | None = None
    """None where distances are counted in voxels."""
    plane: int | None = None
    """Which slice of a volume it is."""

    def place(self, at: Sequence[int]) -> tuple[int, ...]:
        """A voxel of this view, in the whole grid."""
        above = () if self.plane is None else (self.plane,)
        return (*above, *(int(position) for position in at))

    def free(self, region: Region) -> Mask:
        """The region without the voxels that were clicked before; the array is the region's."""
        inside = self.clicked - np.array(region.low)
        inside = inside[((inside >= 0) & (inside < region.mask.shape)).all(axis=1)]
        if not len(inside):
            return region.mask
        left = region.mask.copy()
        left[tuple(inside.T)] = False
        return left


def clicked_voxels(given: Sequence[Prompt], ndim: int) -> NDArray[np.intp]:
    """(n, d) the voxels on which there were clicks."""
    places = [[round(position) for position in prompt.at] for prompt in given if isinstance(prompt, Click)]
    return np.array(places, np.intp).reshape(-1, ndim)


def views(view: View, name: RegionName, slices: Slices) -> Iterator[View]:
    """The image itself, or those of its slices that hold a part of the region: all, or the middle one of them.

    The middle of n slices is number n // 2, from 0 (CVPR 2025); slices run along axis 0.
    """
    if slices == "volume" or view.truth.ndim == 2:
        yield view
        return
    planes = np.flatnonzero(_concerned(view, name).any(axis=(1, 2)))
    chosen = planes if slices == "each" else planes[len(planes) // 2 :][:1]
    for plane in chosen:
        here = view.clicked[view.clicked[:, 0] == plane, 1:]
        spacing = None if view.spacing_mm is None else view.spacing_mm[1:]
        yield View(view.truth[plane], view.guess[plane], here, spacing, int(plane))


def _concerned(view: View, name: RegionName) -> Mask:
    match name:
        case "object":
            return view.truth
        case "background":
            return ~view.truth
        case "missed":
            return view.truth & ~view.guess
        case "surplus":
            return view.guess & ~view.truth
        case _:
            return view.truth ^ view.guess


def select(view: View, name: RegionName, rng: Generator) -> Region | None:
    """The region of this name; None where it is empty.

    Where mistakes are chosen from (a component, or one kind), those that have an unclicked voxel come first.
    """
    if name in {"object", "background"}:
        return region_of(_concerned(view, name))
    error = region_of(view.truth ^ view.guess)
    if error is None or name == "any-error":
        return error
    if name == "largest-error":
        return _largest(view, error)
    truth = view.truth[error.window]
    missed = Region(error.mask & truth, error.low).tight()
    surplus = Region(error.mask & ~truth, error.low).tight()
    if name in {"missed", "surplus"}:
        return missed if name == "missed" else surplus
    return _one_kind(view, missed, surplus, rng if name == "coin" else None)


def _largest(view: View, error: Region) -> Region | None:
    import cc3d

    # As integers: cc3d 4.1.1 joins what does not touch, or fails, on some bool arrays.
    labels = cc3d.connected_components(error.mask.view(np.uint8), connectivity=26 if error.mask.ndim == 3 else 8)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    left = np.bincount(labels[view.free(error)], minlength=len(sizes))
    eligible = np.where(left > 0, sizes, 0) if left.any() else sizes
    label = int(eligible.argmax())
    return Region(labels == label, error.low).tight()


def _one_kind(view: View, missed: Region | None, surplus: Region | None, rng: Generator | None) -> Region | None:
    """Missed or surplus: by a coin where there is a generator, else the one with the deeper unclicked point."""
    if missed is None or surplus is None:
        return surplus if missed is None else missed
    free = view.free(missed), view.free(surplus)
    if free[0].any() != free[1].any():
        return missed if free[0].any() else surplus
    if rng is not None:
        return missed if rng.random() < 0.5 else surplus
    depths = [squared_depth(one.mask, view.spacing_mm) for one in (missed, surplus)]
    deepest = [float(np.where(left, depth, 0).max()) for depth, left in zip(depths, free, strict=True)]
    return replace(missed, depth=depths[0]) if deepest[0] > deepest[1] else replace(surplus, depth=depths[1])
