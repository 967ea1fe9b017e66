"""Strokes: along the middle of a region, across it, or along its outline; broken and bent as hands do."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from pydantic import Field, model_validator

from imedbench.prompts import strokes
from imedbench.prompts.base import Scene, Simulator
from imedbench.prompts.depth import Region
from imedbench.prompts.regions import RegionName, Slices, View, clicked_voxels, select, views
from imedbench.types import Array, Mask, Scribble

Range = tuple[float, float]


class ScribbleUser(Simulator):
    """Draws in a region, and never outside it; imperfections move what was drawn.

    A region that holds both missed and surplus voxels gets a stroke in each: a stroke says one thing. Defaults are the
    distributions that ScribblePrompt and PRISM share. Distances are in voxels.
    """

    simulate: Literal["scribble"] = "scribble"
    region: RegionName = "object"
    style: Literal["centreline", "line", "contour"] = "centreline"
    """What is drawn before it is broken and bent.

    - centreline: the region's skeleton, by Zhang and Suen within a slice, by Lee and others in a volume.
    - line: straight lines between voxels drawn from the region.
    - contour: the outline of what is left of the region when its rim, of a width drawn at random, is taken off; only
      within slices.
    """
    lines: int = Field(default=1, ge=1)
    """How many lines of the style of that name."""
    thickness: int = Field(default=1, ge=1)
    """Of the pen, in voxels: a square, or a cube in a volume, as ScribblePrompt's."""
    breaks: Range | None = (4, 16)
    """Where smooth noise is negative nothing is drawn: the range of its standard deviation, drawn anew for each stroke.
    None leaves strokes whole, and a stroke that would vanish stays whole. Lines are not broken (ScribblePrompt)."""
    bend: Range | None = (1, 6)
    """Standard deviation of the displacement by which strokes are bent, drawn from this range; None leaves them."""
    bend_smoothing: Range = (4, 16)
    """Standard deviation of the blur that makes the displacement smooth, drawn from this range."""
    rim: Range = (5, 20)
    """Standard deviation of the blur that gives a contour its distance from the outline."""
    most: int | None = Field(default=None, ge=1)
    """Voxels that a turn's strokes may have together, the first in raster order (PRISM's test: 10,000)."""
    slices: Slices = "each"
    """In a volume: a stroke in each slice, in the middle one, or in space."""

    @model_validator(mode="after")
    def _drawable(self) -> "ScribbleUser":
        if self.style == "contour" and self.slices == "volume":
            message = "a contour is drawn within slices: choose slices each or middle"
            raise ValueError(message)
        ranges = (self.breaks, self.bend, self.bend_smoothing, self.rim)
        if any(one is not None and not 0 < one[0] <= one[1] for one in ranges):
            message = "breaks, bend, bend_smoothing and rim are (low, high) with 0 < low <= high"
            raise ValueError(message)
        return self

    def on_each_slice(self) -> "ScribbleUser":
        """The same user, prompting each slice of a volume by itself."""
        return self.model_copy(update={"slices": "each"})

    def draw(self, truth: Mask, guess: Mask, rng: Generator, scene: Scene) -> tuple[Scribble, ...]:
        """The strokes of a turn; none where the region is empty."""
        whole = View(truth, guess, clicked_voxels((), truth.ndim))
        drawn: list[Scribble] = []
        left = self.most or truth.size
        for view in views(whole, self.region, self.slices):
            region = select(view, self.region, rng)
            for part, inside in _sides(view, region):
                places = self._stroke(part, rng)[:left]
                left -= len(places)
                if len(places):
                    drawn.append(Scribble(_in_grid(view, places), inside))
        return tuple(drawn)

    def _stroke(self, region: Region, rng: Generator) -> NDArray[np.intp]:
        """(n, d) voxels of one stroke, in raster order."""
        mask = region.mask
        whole = strokes.thickened(self._base(mask, rng), self.thickness)
        broken = whole
        if self.breaks is not None and self.style != "line":
            kept = whole & (strokes.noise(mask.shape, rng.uniform(*self.breaks), rng) > 0)
            broken = kept if (kept & mask).any() else whole
        bent = broken
        if self.bend is not None:
            bent = self._bent(broken, rng)
        stroke = bent & mask if (bent & mask).any() else broken & mask
        places: NDArray[np.intp] = np.argwhere(stroke) + np.array(region.low)
        return places

    def _base(self, mask: Mask, rng: Generator) -> Mask:
        match self.style:
            case "centreline":
                return strokes.skeleton(mask)
            case "line":
                return strokes.lines(mask, self.lines, rng)
            case "contour":
                return strokes.contour(mask, rng.uniform(*self.rim), rng)

    def _bent(self, stroke: Mask, rng: Generator) -> Mask:
        smoothing, size = rng.uniform(*self.bend_smoothing), rng.uniform(*(self.bend or (0, 0)))
        steps: list[Array] = [size * strokes.noise(stroke.shape, smoothing, rng) for _ in range(stroke.ndim)]
        return strokes.warped(stroke, steps)


def _sides(view: View, region: Region | None) -> Iterator[tuple[Region, bool]]:
    """The parts of a region inside and outside the truth, and which they are."""
    if region is None:
        return
    truth = view.truth[region.window]
    for inside, mask in ((True, region.mask & truth), (False, region.mask & ~truth)):
        part = Region(mask, region.low).tight()
        if part is not None:
            yield part, inside


def _in_grid(view: View, places: NDArray[np.intp]) -> NDArray[np.int32]:
    if view.plane is not None:
        places = np.insert(places, 0, view.plane, axis=1)
    return places.astype(np.int32)
