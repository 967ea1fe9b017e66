"""How real prompts fall short: each way is a class, each amount a number."""

from abc import abstractmethod
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.random import Generator
from pydantic import Field, model_validator

from imedbench.prompts.base import PLAIN, Imperfection, Scene
from imedbench.prompts.depth import Spacing, dilated, eroded
from imedbench.prompts.mask import moved, with_sign
from imedbench.types import Array, Box, Click, Mask, MaskPrompt, Prompt, Scribble


class _OneByOne(Imperfection):
    """An imperfection of each prompt by itself."""

    def __call__(
        self, prompts: tuple[Prompt, ...], truth: Mask, rng: Generator, scene: Scene = PLAIN
    ) -> tuple[Prompt, ...]:
        """The prompts, spoiled one after the other."""
        return tuple(self._spoil(prompt, truth, rng, scene) for prompt in prompts)

    @abstractmethod
    def _spoil(self, prompt: Prompt, truth: Mask, rng: Generator, scene: Scene) -> Prompt: ...


class _Range(_OneByOne):
    low: float
    high: float
    """Both ends can be drawn; low == high is a fixed number."""

    @model_validator(mode="after")
    def _in_order(self) -> "_Range":
        if self.low > self.high:
            message = f"low ({self.low:g}) is above high ({self.high:g})"
            raise ValueError(message)
        return self


class Displace(_Range):
    """A click or a stroke moves in a random direction, by a fraction of the object's radius (SafeClick).

    The radius is that of the sphere of the object's volume, or of the circle of its area. Lengths and directions are in
    millimetres where the scene has a spacing. What ends outside the image moves to its border, not to the object's.
    """

    apply: Literal["displace"] = "displace"
    low: float = Field(ge=0)
    high: float = Field(ge=0)
    planar: bool = False
    """In a volume: within the slice, by the radius of the circle of the object's area there; of the sphere where the
    slice has nothing of the object. Strokes within one slice stay in it in any case."""

    def _spoil(self, prompt: Prompt, truth: Mask, rng: Generator, scene: Scene) -> Prompt:
        if not isinstance(prompt, Click | Scribble):
            return prompt
        planar = truth.ndim == 3 and (self.planar or _within_a_slice(prompt))
        spacing = np.array(scene.spacing_mm or (1.0,) * truth.ndim)
        direction = rng.normal(size=truth.ndim)
        if planar:
            direction[0] = 0
        direction /= np.linalg.norm(direction)
        radius = _planar_radius(prompt, truth, spacing) if planar else radius_of(truth, tuple(spacing))
        return _move(prompt, rng.uniform(self.low, self.high) * radius * direction / spacing, truth.shape)


class WrongSide(_OneByOne):
    """A click or a stroke says inside where it means outside, and the other way round: the wrong button."""

    apply: Literal["wrong-side"] = "wrong-side"
    probability: float = Field(ge=0, le=1)

    def _spoil(self, prompt: Prompt, truth: Mask, rng: Generator, scene: Scene) -> Prompt:
        if isinstance(prompt, Click | Scribble) and rng.random() < self.probability:
            return replace(prompt, inside=not prompt.inside)
        return prompt


class Miss(_OneByOne):
    """A click, a box or a stroke misses the object: its middle goes to a voxel drawn uniformly outside the object.

    Boxes and strokes keep their size and stay inside the grid. Where the object fills the grid nothing moves.
    """

    apply: Literal["miss"] = "miss"
    probability: float = Field(ge=0, le=1)
    planar: bool = False
    """In a volume: within the slice. Boxes and strokes within one slice stay in it in any case."""

    def _spoil(self, prompt: Prompt, truth: Mask, rng: Generator, scene: Scene) -> Prompt:
        if not isinstance(prompt, Click | Box | Scribble) or rng.random() >= self.probability:
            return prompt
        middle = _middle(prompt)
        planar = truth.ndim == 3 and (self.planar or _within_a_slice(prompt))
        there = _outside(truth[round(float(middle[0]))] if planar else truth, rng)
        if there is None:
            return prompt
        steps = (np.array([middle[0], *there]) if planar else there) - middle
        return _move(prompt, steps, truth.shape)


class _OfBoxes(_Range):
    """Boxes of one slice of a volume stay in it."""

    planar: bool = False
    """In a volume: leaves the range of slices as it is."""

    def _axes(self, prompt: Prompt, ndim: int) -> range:
        """The axes that change."""
        return range(1 if ndim == 3 and (self.planar or _within_a_slice(prompt)) else 0, ndim)


class Scale(_OfBoxes):
    """A box is scaled about its centre, all axes by one factor (SafeClick); its sides go to the nearest voxels."""

    apply: Literal["scale"] = "scale"
    low: float = Field(gt=0)
    high: float = Field(gt=0)

    def _spoil(self, prompt: Prompt, truth: Mask, rng: Generator, scene: Scene) -> Prompt:
        if not isinstance(prompt, Box):
            return prompt
        factor = rng.uniform(self.low, self.high)
        low, high = np.array(prompt.low, float), np.array(prompt.high, float)
        for axis in self._axes(prompt, truth.ndim):
            more = (factor - 1) * (high[axis] - low[axis]) / 2
            low[axis] -= more
            high[axis] += more
        return _box(prompt, low, high, truth.shape)


class Jitter(_OfBoxes):
    """Each side of a box moves by a whole number of pixels.

    The number is drawn from low..high; where low is not negative and the sides do not go outward, from those and their
    negatives, 0 once. So 0..5 and -5..5 are both IMIS-Net's, and 3..3 is 3 pixels either way.
    """

    apply: Literal["jitter"] = "jitter"
    low: int
    high: int
    outward: bool = False
    """Whether a positive number makes the box larger, on any side (MedSAM: 0..20; DB-SAM: 0..19)."""
    together: bool = False
    """Whether one number serves all sides of a box (CVPR 2025)."""
    relative_to: int | None = Field(default=None, ge=1)
    """Size of the image whose pixels are meant: the number is scaled by an axis's size over it, and cut to a whole."""
    planar: bool = True

    def _spoil(self, prompt: Prompt, truth: Mask, rng: Generator, scene: Scene) -> Prompt:
        if not isinstance(prompt, Box):
            return prompt
        low, high = np.array(prompt.low, float), np.array(prompt.high, float)
        one = _whole(self.low, self.high, rng, outward=self.outward) if self.together else None
        for axis in self._axes(prompt, truth.ndim):
            first, last = (
                _pixels(_whole(self.low, self.high, rng, outward=self.outward), truth.shape[axis], self.relative_to)
                if one is None
                else _pixels(one, truth.shape[axis], self.relative_to)
                for _ in range(2)
            )
            low[axis] += -first if self.outward else first
            high[axis] += last
        return _box(prompt, low, high, truth.shape)


class Dilate(_OfBoxes):
    """A box or a mask grows by a radius in voxels, or shrinks where it is negative (PRISM: 5)."""

    apply: Literal["dilate"] = "dilate"
    low: float
    high: float

    @model_validator(mode="before")
    @classmethod
    def _one_radius(cls, written: object) -> object:
        """``radius: 5`` is short for ``low: 5, high: 5``."""
        if isinstance(written, dict) and "radius" in written:
            radius = written["radius"]
            return {key: value for key, value in written.items() if key != "radius"} | {"low": radius, "high": radius}
        return written

    def _spoil(self, prompt: Prompt, truth: Mask, rng: Generator, scene: Scene) -> Prompt:
        if not isinstance(prompt, Box | MaskPrompt):
            return prompt
        radius = rng.uniform(self.low, self.high)
        if isinstance(prompt, MaskPrompt):
            change = dilated if radius > 0 else eroded
            return MaskPrompt(with_sign(prompt.logits, change(prompt.logits > 0, abs(radius))))
        low, high = np.array(prompt.low, float), np.array(prompt.high, float)
        for axis in self._axes(prompt, truth.ndim):
            low[axis] -= radius
            high[axis] += radius
        return _box(prompt, low, high, truth.shape)


class Translate(_OfBoxes):
    """A box, a stroke or a mask moves as a whole, each axis by a whole number of pixels drawn as `Jitter` does.

    Boxes and strokes stay inside the grid; what a mask loses is lost.
    """

    apply: Literal["translate"] = "translate"
    low: int
    high: int
    relative_to: int | None = Field(default=None, ge=1)
    """As in `Jitter`."""
    at_most: float | None = Field(default=None, ge=0)
    """Fraction of a box's shortest side that the number may not exceed, cut to a whole number (SAM-Med2D: 0.5); both in
    pixels of the image that is meant."""
    planar: bool = True

    def _spoil(self, prompt: Prompt, truth: Mask, rng: Generator, scene: Scene) -> Prompt:
        if not isinstance(prompt, Box | Scribble | MaskPrompt):
            return prompt
        axes = self._axes(prompt, truth.ndim)
        low, high = self.low, self.high
        if self.at_most is not None and isinstance(prompt, Box):
            sides = [(prompt.high[axis] - prompt.low[axis]) / truth.shape[axis] for axis in axes]
            meant = [self.relative_to or truth.shape[axis] for axis in axes]
            # Rounded first: a third of 3 is 1, whatever floats make of it.
            most = int(round(self.at_most * min(side * size for side, size in zip(sides, meant, strict=True)), 6))
            low, high = min(max(low, -most), most), max(min(high, most), -most)
        steps = np.zeros(truth.ndim)
        for axis in axes:
            steps[axis] = _pixels(_whole(low, high, rng, outward=False), truth.shape[axis], self.relative_to)
        if isinstance(prompt, MaskPrompt):
            return MaskPrompt(with_sign(prompt.logits, moved(prompt.logits > 0, [int(step) for step in steps])))
        return _move(prompt, steps, truth.shape)


def within_the_slice(imperfection: Imperfection) -> Imperfection:
    """The same imperfection, which in a volume moves nothing to another slice."""
    if "planar" not in type(imperfection).model_fields:
        return imperfection
    return imperfection.model_copy(update={"planar": True})


def radius_of(mask: Mask, spacing_mm: Spacing | None = None) -> float:
    """Of the circle of the mask's area, or the sphere of its volume; in millimetres, in voxels without spacing."""
    size = np.count_nonzero(mask) * float(np.prod(spacing_mm or 1.0))
    return float(np.sqrt(size / np.pi) if mask.ndim == 2 else np.cbrt(0.75 * size / np.pi))


def _planar_radius(prompt: Click | Scribble, truth: Mask, spacing: Array) -> float:
    here = truth[round(float(_middle(prompt)[0]))]
    return radius_of(here, tuple(spacing[1:])) if here.any() else radius_of(truth, tuple(spacing))


def _within_a_slice(prompt: Prompt) -> bool:
    match prompt:
        case Box():
            return prompt.high[0] - prompt.low[0] <= 1
        case Scribble():
            return bool((prompt.voxels[:, 0] == prompt.voxels[0, 0]).all())
        case _:
            return False


def _middle(prompt: Click | Box | Scribble) -> Array:
    match prompt:
        case Click():
            return np.array(prompt.at, float)
        case Box():
            return np.asarray((np.array(prompt.low, float) + np.array(prompt.high, float) - 1) / 2)
        case Scribble():
            return np.asarray((prompt.voxels.min(axis=0) + prompt.voxels.max(axis=0)) / 2)


def _outside(truth: Mask, rng: Generator) -> Array | None:
    """A voxel drawn uniformly outside the object; None where there is none."""
    places = np.flatnonzero(~truth)
    if not len(places):
        return None
    return np.array(np.unravel_index(int(rng.choice(places)), truth.shape), float)


def _whole(low: int, high: int, rng: Generator, *, outward: bool) -> int:
    if outward or low < 0:
        return int(rng.integers(low, high + 1))
    number = int(rng.integers(-(high - low), high - low + (2 if low else 1)))
    if not low:
        return number
    return number - low if number <= 0 else number + low - 1


def _pixels(number: int, size: int, relative_to: int | None) -> int:
    return number if relative_to is None else int(number * size / relative_to)


def _nearest(position: float) -> int:
    """Halves go up, wherever they lie."""
    return int(np.floor(position + 0.5))


def _box(old: Box, low: Array, high: Array, shape: tuple[int, ...]) -> Box:
    """A box on whole voxels of the grid; a side that would vanish is the voxel in the middle of the old one."""
    first, last = [], []
    for axis, size in enumerate(shape):
        start, stop = max(_nearest(low[axis]), 0), min(_nearest(high[axis]), size)
        if start >= stop:
            start = int((old.low[axis] + old.high[axis] - 1) // 2)
            stop = start + 1
        first.append(start)
        last.append(stop)
    return Box(tuple(first), tuple(last))


def _move(prompt: Click | Box | Scribble, steps: Array, shape: tuple[int, ...]) -> Click | Box | Scribble:
    """The prompt, moved to the nearest voxels; boxes and strokes only so far that they stay in the grid whole."""
    limit = np.array(shape)
    if isinstance(prompt, Click):
        at = np.clip([_nearest(position) for position in np.array(prompt.at) + steps], 0, limit - 1)
        return replace(prompt, at=tuple(int(position) for position in at))
    whole = np.array([_nearest(step) for step in steps])
    if isinstance(prompt, Box):
        low, high = np.array(prompt.low, int), np.array(prompt.high, int)
        whole = np.clip(whole, -low, limit - high)
        return Box(tuple(int(side) for side in low + whole), tuple(int(side) for side in high + whole))
    whole = np.clip(whole, -prompt.voxels.min(axis=0), limit - 1 - prompt.voxels.max(axis=0))
    return replace(prompt, voxels=(prompt.voxels + whole).astype(np.int32))
