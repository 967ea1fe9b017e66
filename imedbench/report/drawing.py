"""Cases drawn as pictures: overlays, panels with a legend, contact sheets. Everything comes back as uint8 RGB."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from imedbench.masks import Masks
from imedbench.report.colours import Colour, region_colours, target_colours
from imedbench.report.planes import View, views_of
from imedbench.types import Array, Case, Image

if TYPE_CHECKING:
    from PIL import ImageFont

BACKGROUND: Colour = (13, 17, 20)
INK: Colour = (232, 236, 238)
FAINT: Colour = (148, 158, 164)
GAP = 10
PANEL = 460
# Opacity of a small mask, and of one that covers half of the picture or more.
FILL, FAINT_FILL = 0.4, 0.16
COLOUR_NAMES = (("red", "green", "blue"), ("r", "g", "b"), ("", "", ""))
# Of intensities that are shown without a window of their own.
PERCENTILES = (0.5, 99.5)
SAMPLE = 1_000_000
NARROWEST = 480


def picture_of(voxels: Array, channels: Sequence[str] = ("",), window: tuple[float, ...] = ()) -> Array:
    """(rows, columns[, channels]) of any type as uint8 (rows, columns, 3).

    Three channels named red, green, blue (or not at all) are a colour picture; of others the first is shown in grey.
    8-bit voxels stay as they are unless there is a ``window`` (low, high); other types without one are shown between
    their 0.5th and 99.5th percentile.
    """
    plain = voxels
    if voxels.ndim == 3:
        colour = voxels.shape[-1] == 3 and (not any(channels) or tuple(map(str.lower, channels)) in COLOUR_NAMES)
        plain = voxels if colour else voxels[..., 0]
    if plain.dtype != np.uint8 or window:
        plain = plain.astype(np.float32)
        low, high = window or tuple(float(value) for value in np.percentile(plain, PERCENTILES))
        scaled = (plain - low) * (255.0 / (high - low) if high > low else 0.0)
        plain = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return np.repeat(plain[..., None], 3, -1) if plain.ndim == 2 else plain


def fit(view: View, side: int, extent_mm: float = 0.0) -> tuple[int, int]:
    """(height, width) in pixels, with square millimetres.

    ``side`` pixels show ``extent_mm``, or the view's own longer side where that is 0.
    """
    rows, columns = view.voxels.shape[:2]
    height, width = rows * view.spacing_mm[0], columns * view.spacing_mm[1]
    scale = side / (extent_mm or max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def fills(masks: Masks) -> Array:
    """(n,): the opacity of each mask; large ones are fainter, so that they do not drown the picture."""
    share = masks.areas() / max(1, int(np.prod(masks.shape)))
    return np.interp(share, [0.08, 0.5], [FILL, FAINT_FILL])


def overlay(picture: Array, masks: Masks, colours: Sequence[Colour]) -> Array:
    """The picture with each mask as a translucent area with a thin outline; small masks lie on large ones.

    ``picture`` may be larger or smaller than the masks' grid: masks are drawn smoothly at its size.
    """
    import cv2

    height, width = picture.shape[:2]
    tinted = picture.astype(np.float32)
    opacities = fills(masks)
    outlines = []
    for index in np.argsort(-masks.areas(), kind="stable"):
        dense: Array = masks.decode(index).view(np.uint8) * 255
        if dense.shape != (height, width):
            dense = cv2.resize(dense, (width, height), interpolation=cv2.INTER_LINEAR)
        inside = (dense > 127).view(np.uint8)
        covered = inside.view(np.bool_)
        tinted[covered] += opacities[index] * (np.array(colours[index], np.float32) - tinted[covered])
        outlines.append((cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)[0], colours[index]))
    drawn = np.rint(tinted).astype(np.uint8)
    for contours, colour in outlines:
        cv2.drawContours(drawn, contours, -1, colour, 1, cv2.LINE_AA)
    return drawn


@dataclass(frozen=True, slots=True, eq=False)
class Panels:
    """The three pictures of one view, all (height, width, 3)."""

    picture: Array
    truth: Array
    interactive: Array


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """How voxels become colours."""

    colours: Mapping[str, Colour]
    """Of each target."""
    channels: Sequence[str] = ("",)
    window: tuple[float, ...] = ()
    """(low, high) of the intensities shown; see `picture_of`."""


def draw_view(view: View, size: tuple[int, int], look: Look) -> Panels:
    """The view at (height, width) pixels: plain, with the truth, and with the interactive masks."""
    import cv2

    height, width = size
    picture = picture_of(view.voxels, look.channels, look.window)
    smaller = height < picture.shape[0]
    plain = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    truth, interactive = view.masks.of_kind("gt"), view.masks.of_kind("interactive")
    named = [look.colours[info.target] for info in truth.infos]
    return Panels(plain, overlay(plain, truth, named), overlay(plain, interactive, region_colours(interactive)))


def draw_case(case: Case, window: tuple[float, ...] = (), targets: Sequence[str] = ()) -> Array:
    """Picture, truth and interactive masks side by side, with a heading and a legend.

    A volume has three rows: its axial, coronal and sagittal plane through its largest object, all at one scale.

    Args:
        case: what to draw.
        window: (low, high) of the intensities shown.
        targets: all targets of the store, so that colours are the same in every picture of it.
    """
    look = Look(target_colours({*targets, *case.masks.targets}), case.image.channels, _shown(case.image, window))
    kinds = Counter(info.kind for info in case.masks.infos)
    counts = {"picture": -1, "truth": kinds["gt"], "interactive": kinds["interactive"]}
    counts = {name: count for name, count in counts.items() if count}
    views = views_of(case.image, case.masks)
    extent_mm = max(length * step for length, step in zip(case.image.grid, case.image.spacing_mm, strict=True))
    sizes = [fit(view, PANEL, extent_mm) for view in views]
    wide = max(width for _, width in sizes)
    strips = []
    for view, size in zip(views, sizes, strict=True):
        panels = draw_view(view, size, look)
        cells = [_centred(getattr(panels, name), size[0], wide) for name in counts]
        strips.append(_label(_beside(cells), view.title))
    body = stack(strips)
    captions = _captions(wide, [_counted(name, count) for name, count in counts.items()])
    # A narrow picture still gets a heading and a legend that can be read.
    width = max(body.shape[1], NARROWEST)
    return _frame(stack([_title(case, width), captions, body, _legend(case.masks, look.colours, width)]))


def contact_sheet(
    cases: Sequence[Case],
    *,
    columns: int = 6,
    side: int = 256,
    windows: Mapping[str, tuple[float, ...]] | None = None,
    targets: Sequence[str] = (),
) -> Array:
    """Cases in columns: the picture, below it the truth, below that the interactive masks.

    Args:
        cases: in the order they are to appear.
        columns: cases in a row of the sheet.
        side: of the square that each picture is fitted in, pixels.
        windows: case id to the (low, high) of the intensities shown.
        targets: all targets of the store, so that colours are the same in every picture of it.

    Raises:
        ValueError: there are no cases.
    """
    if not cases:
        message = "a contact sheet needs a case"
        raise ValueError(message)
    colours = target_colours({*targets, *(target for case in cases for target in case.masks.targets)})
    drawn = []
    for case in cases:
        # Of a volume the axial plane stands for all.
        view = views_of(case.image, case.masks)[0]
        window = _shown(case.image, (windows or {}).get(case.id, ()))
        panels = draw_view(view, fit(view, side), Look(colours, case.image.channels, window))
        cells = [_centred(cell, side, side) for cell in (panels.picture, panels.truth, panels.interactive)]
        drawn.append(stack(cells[: 3 if case.masks.of_kind("interactive").infos else 2], gap=4))
    bands = []
    for first in range(0, len(drawn), columns):
        band = drawn[first : first + columns]
        bands.append(_beside(band, gap=4))
    return _frame(stack(bands, gap=2 * GAP))


def stack(parts: Sequence[Array], gap: int = GAP) -> Array:
    """Pictures above one another on the background, left-aligned."""
    width = max(part.shape[1] for part in parts)
    height = sum(part.shape[0] for part in parts) + gap * (len(parts) - 1)
    sheet = np.empty((height, width, 3), np.uint8)
    sheet[:] = BACKGROUND
    top = 0
    for part in parts:
        sheet[top : top + part.shape[0], : part.shape[1]] = part
        top += part.shape[0] + gap
    return sheet


def write_png(picture: Array, path: Any) -> None:
    """Writes a uint8 RGB picture."""
    from PIL import Image as Pillow

    Pillow.fromarray(picture).save(path, format="PNG", optimize=True)


def _beside(parts: Sequence[Array], gap: int = GAP) -> Array:
    return np.swapaxes(stack([np.swapaxes(part, 0, 1) for part in parts], gap), 0, 1)


def _shown(image: Image, window: tuple[float, ...]) -> tuple[float, ...]:
    """The window of all planes of an image, where its voxels need one."""
    if window or image.voxels.dtype == np.uint8:
        return window
    low, high = np.percentile(image.voxels.reshape(-1)[:: max(1, image.voxels.size // SAMPLE)], PERCENTILES)
    return float(low), float(high)


def _centred(picture: Array, height: int, width: int) -> Array:
    """In the middle of a black rectangle."""
    cell = np.zeros((height, width, 3), np.uint8)
    top, left = (height - picture.shape[0]) // 2, (width - picture.shape[1]) // 2
    cell[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return cell


def _frame(picture: Array) -> Array:
    margin = 2 * GAP
    sheet = np.empty((picture.shape[0] + 2 * margin, picture.shape[1] + 2 * margin, 3), np.uint8)
    sheet[:] = BACKGROUND
    sheet[margin:-margin, margin:-margin] = picture
    return sheet


@cache
def _font(size: int) -> "ImageFont.FreeTypeFont | ImageFont.ImageFont":
    """The typeface that ships with Pillow, so that pictures are the same everywhere."""
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _write(width: int, height: int, words: Sequence[tuple[int, int, str, int, Colour]]) -> Array:
    """A strip with words: (left, baseline middle, text, size, colour) each."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    strip = Pillow.new("RGB", (width, height), BACKGROUND)
    pen = ImageDraw.Draw(strip)
    for left, middle, text, size, colour in words:
        pen.text((left, middle), text, colour, _font(size), anchor="lm")
    return np.asarray(strip).copy()


def _width(text: str, size: int) -> int:
    return int(_font(size).getlength(text))


def _title(case: Case, width: int) -> Array:
    size = " x ".join(str(length) for length in case.image.grid)
    spacing = " x ".join(f"{step:.3g}" for step in case.image.spacing_mm)
    facts = f"{case.dataset}   {case.image.modality or 'modality unknown'}   {size}   {spacing} mm   {case.split}"
    return _write(width, 52, [(0, 15, case.id, 20, INK), (0, 40, facts, 14, FAINT)])


def _counted(panel: str, count: int) -> str:
    return panel.capitalize() if count < 0 else f"{panel.capitalize()}: {count} mask{'' if count == 1 else 's'}"


def _captions(width: int, captions: Sequence[str]) -> Array:
    words = [(place * (width + GAP), 10, text, 15, INK) for place, text in enumerate(captions)]
    return _write(len(captions) * (width + GAP) - GAP, 20, words)


def _label(picture: Array, title: str) -> Array:
    """The picture with its title above it, where it has one."""
    if not title:
        return picture
    return stack([_write(picture.shape[1], 18, [(0, 9, title, 13, FAINT)]), picture], gap=2)


def _legend(masks: Masks, colours: Mapping[str, Colour], width: int) -> Array:
    """A swatch and a name for each target, in as many lines as it takes."""
    size, line, swatch = 15, 26, 14
    words: list[tuple[int, int, str, int, Colour]] = []
    swatches: list[tuple[int, int, Colour]] = []
    left = top = 0
    for target in sorted(masks.targets):
        step = swatch + 8 + _width(target, size) + 22
        if left and left + step > width:
            left, top = 0, top + line
        swatches.append((left, top, colours[target]))
        words.append((left + swatch + 8, top + line // 2, target, size, INK))
        left += step
    strip = _write(width, top + line if words else 1, words)
    for left, top, colour in swatches:
        middle = top + line // 2
        strip[middle - swatch // 2 : middle + swatch // 2, left : left + swatch] = colour
    return strip
