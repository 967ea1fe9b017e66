"""One session as a picture: the plane where truth and guess differ most, both outlines, and the prompts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from imedbench.masks import MaskInfo, Masks
from imedbench.report.drawing import picture_of
from imedbench.report.outlines import svg_paths
from imedbench.report.page import webp_uri
from imedbench.types import Array, Box, Click, Image, Mask, Prompt, Scribble

SIDE = 480
"""Longest side of the drawing, in its own units."""
LARGEST_BLOWUP = 4
"""Pixels of the picture that one pixel of the image becomes at most."""
MARGIN, LEAST_MARGIN = 0.6, 16
"""Around the objects: as a share of their extent, and in pixels."""
WHOLE = 0.7
"""A crop that is more than this share of the picture is not worth the loss of the surroundings."""
NEARLY_SQUARE = 0.9
"""Drawings whose sides differ by less fill their square."""
TRUTH_COLOUR = "#ffffff"
RADIUS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """One model's answer."""

    name: str
    colour: str
    mask: Mask


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What is to be drawn."""

    image: Image
    truth: Mask
    guesses: Sequence[Guess]
    prompts: Sequence[tuple[int, Prompt]]
    """With the turn in which each was given."""
    words: str
    """What a screen reader says."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture and what cannot be seen on it."""

    svg: Markup
    note: str


@dataclass(frozen=True, slots=True)
class _Window:
    """Which part of a plane is shown, and how large."""

    low: tuple[int, int]
    high: tuple[int, int]
    scale: tuple[float, float]
    """Units of the drawing per pixel, down and right."""

    def place(self, point: Sequence[float]) -> tuple[float, float]:
        """(down, right) in the drawing of the middle of a pixel."""
        down, right = ((p + 0.5 - low) * scale for p, low, scale in zip(point, self.low, self.scale, strict=True))
        return round(down, 1), round(right, 1)

    def cut(self, plane: Array) -> Array:
        """The part of the plane."""
        return plane[self.low[0] : self.high[0], self.low[1] : self.high[1]]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the drawing."""
        height, width = (
            max(1, round((high - low) * scale))
            for low, high, scale in zip(self.low, self.high, self.scale, strict=True)
        )
        return height, width


def draw_scene(scene: Scene) -> Drawing:
    """The scene as SVG with the picture inside."""
    flat = len(scene.image.grid) == 2
    index = None if flat else plane_of(scene.truth, [guess.mask for guess in scene.guesses])
    plane = _Plane(scene.image.grid, index)
    masks = [plane.cut(scene.truth), *(plane.cut(guess.mask) for guess in scene.guesses)]
    window = _window(masks, list(_touched(scene, plane)), scene.image.spacing_mm[-2:])
    height, width = window.size
    drawn = [
        _picture(window.cut(plane.cut(scene.image.voxels)), scene.image, window.size),
        *_outlines(scene, [window.cut(mask) for mask in masks], window.scale),
        *_marks(scene, plane, window),
    ]
    way = "slice" if min(window.size) > NEARLY_SQUARE * max(window.size) else "meet"
    svg = Markup(
        '<svg viewBox="0 0 {w} {h}" preserveAspectRatio="xMidYMid {way}" role="img" aria-label="{words}">{body}</svg>'
    ).format(w=width, h=height, way=way, words=scene.words, body=Markup("").join(drawn))
    return Drawing(svg, _note(scene, plane, window))


def plane_of(truth: Mask, guesses: Sequence[Mask]) -> int:
    """The axial slice of a volume on which the guesses differ most from the truth; the fullest where they do not."""
    wrong = sum((np.count_nonzero(truth ^ guess, axis=(1, 2)) for guess in guesses), np.zeros(len(truth), np.int64))
    return int(np.argmax(wrong if wrong.any() else np.count_nonzero(truth, axis=(1, 2))))


@dataclass(frozen=True, slots=True)
class _Plane:
    """A picture, or an axial slice of a volume turned as a radiologist sees it."""

    grid: tuple[int, ...]
    index: int | None

    def cut(self, voxels: Array) -> Array:
        """(rows, columns) of an array on the grid; trailing channels are kept."""
        return voxels if self.index is None else voxels[self.index][::-1, ::-1]

    def point(self, at: Sequence[float]) -> tuple[float, float] | None:
        """(row, column) of a place; None where it is on another slice."""
        if self.index is None:
            return at[0], at[1]
        if round(at[0]) != self.index:
            return None
        return self.grid[1] - 1 - at[1], self.grid[2] - 1 - at[2]

    def box(self, box: Box) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """(row, column) of the first and the last pixel in a box; None where it does not meet the slice."""
        if self.index is not None and not box.low[0] <= self.index < box.high[0]:
            return None
        before = () if self.index is None else (float(self.index),)
        ends = (*before, *box.low[-2:]), (*before, *(high - 1 for high in box.high[-2:]))
        found = [self.point(end) for end in ends]
        rows, columns = zip(*(end for end in found if end is not None), strict=True)
        return (min(rows), min(columns)), (max(rows), max(columns))


def _touched(scene: Scene, plane: _Plane) -> Iterator[tuple[float, float]]:
    """Where clicks and boxes lie in the plane."""
    for _, prompt in scene.prompts:
        if isinstance(prompt, Click):
            yield from filter(None, [plane.point(prompt.at)])
        elif isinstance(prompt, Box):
            yield from plane.box(prompt) or ()


def _window(masks: Sequence[Mask], points: Sequence[tuple[float, float]], spacing_mm: Sequence[float]) -> _Window:
    """The part of the plane around objects and prompts, with square millimetres."""
    shape = masks[0].shape
    met = np.concatenate([np.argwhere(np.logical_or.reduce(masks)), np.reshape(points, (-1, 2))])
    low, high = (met.min(0), met.max(0) + 1) if len(met) else (np.zeros(2), np.array(shape))
    reach = max(float(((high - low) * spacing_mm).max()) * MARGIN, LEAST_MARGIN * min(spacing_mm))
    half = ((high - low) * spacing_mm).max() / 2 + reach
    middle = (low + high) / 2
    length = np.minimum(np.ceil(2 * half / np.array(spacing_mm)), shape).astype(int)
    # What would lie beyond the border is taken from the other side, so that the drawing stays square.
    low = np.clip(np.rint(middle - length / 2), 0, np.array(shape) - length).astype(int)
    high = low + length
    if np.prod(length) > WHOLE * np.prod(shape):
        low, high = np.zeros(2, int), np.array(shape)
    unit = SIDE / float(((high - low) * spacing_mm).max())
    return _Window(
        (int(low[0]), int(low[1])), (int(high[0]), int(high[1])), (unit * spacing_mm[0], unit * spacing_mm[1])
    )


def _picture(voxels: Array, image: Image, size: tuple[int, int]) -> Markup:
    import cv2

    window = () if image.voxels.dtype == np.uint8 else image.window or _spread(image.voxels)
    picture = np.ascontiguousarray(picture_of(voxels, image.channels, window))
    height, width = size
    blown = min(1.0, LARGEST_BLOWUP * max(picture.shape[:2]) / max(size))
    fine = max(1, round(height * blown)), max(1, round(width * blown))
    way = cv2.INTER_AREA if fine[0] < picture.shape[0] else cv2.INTER_CUBIC
    return Markup('<image href="{}" width="{}" height="{}" preserveAspectRatio="none"/>').format(
        webp_uri(cv2.resize(picture, (fine[1], fine[0]), interpolation=way)), width, height
    )


def _spread(voxels: Array) -> tuple[float, float]:
    """Intensities for a volume without a window of its own."""
    low, high = np.percentile(voxels.reshape(-1)[:: max(1, voxels.size // 1_000_000)], (0.5, 99.5))
    return float(low), float(high)


def _outlines(scene: Scene, masks: Sequence[Mask], scale: tuple[float, float]) -> Iterator[Markup]:
    named = [("truth", TRUTH_COLOUR), *((guess.name, guess.colour) for guess in scene.guesses)]
    paths = svg_paths(
        Masks.from_dense([np.ascontiguousarray(mask) for mask in masks], [MaskInfo("")] * len(masks)), scale
    )
    for place, (path, (name, colour)) in enumerate(zip(paths, named, strict=True)):
        yield Markup('<path class="outline {}" d="{}" stroke="{}" fill="{}"><title>{}</title></path>').format(
            "guess" if place else "truth", path, colour, colour, name
        )


def _marks(scene: Scene, plane: _Plane, window: _Window) -> Iterator[Markup]:
    """Boxes and scribbles below clicks."""
    for kind in (Box, Scribble, Click):
        for turn, prompt in scene.prompts:
            if isinstance(prompt, kind):
                yield _mark(turn, prompt, plane, window)


def _mark(turn: int, prompt: Prompt, plane: _Plane, window: _Window) -> Markup:
    if isinstance(prompt, Click):
        return _click(turn, prompt, plane, window)
    if isinstance(prompt, Scribble):
        return _scribble(turn, prompt, plane, window)
    met = plane.box(prompt) if isinstance(prompt, Box) else None
    if met is None:
        return Markup("")
    (top, left), (bottom, right) = (window.place(end) for end in met)
    down, across = window.scale
    return Markup(
        '<rect class="box-prompt" x="{}" y="{}" width="{}" height="{}"><title>box, turn {}</title></rect>'
    ).format(
        round(left - across / 2, 1),
        round(top - down / 2, 1),
        round(right - left + across, 1),
        round(bottom - top + down, 1),
        turn,
    )


def _click(turn: int, click: Click, plane: _Plane, window: _Window) -> Markup:
    met = plane.point(click.at)
    if met is None:
        return Markup("")
    y, x = window.place(met)
    side = "inside" if click.inside else "outside"
    sign = f"M{x - 4} {y}h8" + (f"M{x} {y - 4}v8" if click.inside else "")
    return Markup(
        '<g class="click {side}"><title>click {side}, turn {turn}</title><circle cx="{x}" cy="{y}" r="{r}"/>'
        '<path d="{sign}"/><text x="{tx}" y="{ty}">{turn}</text></g>'
    ).format(side=side, turn=turn, x=x, y=y, r=RADIUS, sign=sign, tx=round(x + 11, 1), ty=round(y - 6, 1))


def _scribble(turn: int, scribble: Scribble, plane: _Plane, window: _Window) -> Markup:
    met = [place for place in map(plane.point, scribble.voxels.tolist()) if place is not None]
    if not met:
        return Markup("")
    down, across = (round(step, 1) for step in window.scale)
    corners = (window.place((row - 0.5, column - 0.5)) for row, column in met)
    path = "".join(f"M{x} {y}h{across}v{down}h-{across}z" for y, x in corners)
    side = "inside" if scribble.inside else "outside"
    return Markup('<path class="scribble {}" d="{}"><title>scribble {}, turn {}</title></path>').format(
        side, path, side, turn
    )


def _note(scene: Scene, plane: _Plane, window: _Window) -> str:
    """What is shown, and which prompts lie elsewhere."""
    sizes = zip(window.low, window.high, scene.image.spacing_mm[-2:], strict=True)
    extent = " × ".join(f"{(high - low) * step:.0f}" for low, high, step in sizes)
    words = [f"axial slice z = {plane.index}"] if plane.index is not None else []
    words.append(f"{extent} mm shown")
    elsewhere = sum(not _mark(turn, prompt, plane, window) for turn, prompt in scene.prompts if _drawable(prompt))
    if elsewhere:
        words.append(f"{elsewhere:,} of {len(scene.prompts):,} prompts on other slices")
    return ", ".join(words)


def _drawable(prompt: Prompt) -> bool:
    return isinstance(prompt, Click | Box | Scribble)
