"""PNG, JPEG, TIFF and BMP: 1, 8 and 16 bits, grey, colour, opacity, palettes, pages.

Opacity is dropped, never blended: what it hides is still tissue. The EXIF orientation that cameras write is honoured,
since labels are drawn on what a viewer shows. Pixels have 1 mm unless ImageJ wrote their size: the resolution in other
files is that of a printer or screen.
"""

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

import numpy as np

from imedbench.errors import BadInput
from imedbench.io.checks import check_dtype, check_size, clause, file_size, reading, truncated
from imedbench.io.geometry import Header, picture, stack
from imedbench.io.intensities import native
from imedbench.types import Array, Image

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

PACKED = 10_000
"""Bytes of pixels that one byte of file can stand for: deflate of 1-bit pixels gives 8,300."""
IMAGEJ_UNITS = {"mm": 1.0, "cm": 10.0, "micron": 1e-3, "um": 1e-3, "µm": 1e-3, "\\u00b5m": 1e-3, "nm": 1e-6}
ORIENTATION = 0x0112
BITS_PER_SAMPLE = 258
DESCRIPTION = 270
RESOLUTION = (283, 282)
DTYPES = {"1": "uint8", "I": "int32", "F": "float32", "I;16": "uint16", "I;16B": "uint16", "I;16L": "uint16"}
GREY = {"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L"}

Palette = Literal["colour", "index"]


def read(path: Path, palette: Palette = "colour") -> Image:
    """The picture, or a volume of a TIFF's pages; a palette gives its colours, or with "index" its numbers.

    Raises:
        BadInput: the file cannot be decoded, or is far too small for the size it declares.
    """
    with _opened(path) as source:
        spacing_mm = _spacing_mm(source)
        if _deep_colour(source):
            pages = _decode_deep(path)
        else:
            pages = [_pixels(page, palette) for page in _pages(path, source)]
    check_dtype(path, pages[0].dtype)
    if len(pages) == 1:
        return picture(path, pages[0], spacing_mm[1:])
    return stack(path, np.stack(pages), spacing_mm)


def peek(path: Path) -> Header:
    """The header's facts; no pixel is decoded."""
    with _opened(path) as source:
        channels = 1 if source.mode in GREY else 3
        dtype = "uint16" if _deep_colour(source) else DTYPES.get(source.mode, "uint8")
        count, spacing_mm = _count(source), _spacing_mm(source)
        height, width = source.height, source.width
        # Pillow decodes a whole PNG in search of an orientation that its header does not have.
        headed = source.format != "PNG" or "exif" in source.info
        if headed and source.getexif().get(ORIENTATION, 1) > 4:
            height, width = width, height
    if count == 1:
        return Header((height, width), channels, dtype, spacing_mm[1:])
    return Header((count, height, width), channels, dtype, spacing_mm)


@contextmanager
def _opened(path: Path) -> Iterator["Picture"]:
    """The file, its header read and believed only as far as its size allows."""
    import PIL.Image

    size = file_size(path)
    try:
        with warnings.catch_warnings(), reading(path, "image"), path.open("rb") as stream:
            # Pillow warns of large pictures; ours are checked against the file's size below.
            warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
            with _identified(path, stream) as source:
                declared = source.width * source.height * len(source.getbands()) * _count(source)
                check_size(path, declared, size, PACKED)
                yield source
    except PIL.Image.DecompressionBombError as problem:
        fact = f"is larger than this reader takes ({clause(problem)})"
        raise BadInput(path, fact, "cut it into tiles") from problem
    except (SyntaxError, ValueError, struct.error) as problem:
        fact = f"is not an image that can be decoded ({clause(problem)})"
        raise BadInput(path, fact, "save it as PNG") from problem


def _identified(path: Path, stream: IO[bytes]) -> "Picture":
    import PIL.Image

    try:
        return PIL.Image.open(stream)
    except PIL.UnidentifiedImageError as problem:
        raise BadInput(path, "is not an image of a known format, whatever its name says", "save it as PNG") from problem


def _count(source: "Picture") -> int:
    """Pages of a TIFF; further pictures in a JPEG are previews."""
    return int(getattr(source, "n_frames", 1)) if source.format == "TIFF" else 1


def _pages(path: Path, source: "Picture") -> Iterator["Picture"]:
    from PIL.ImageOps import exif_transpose

    for number in range(_count(source)):
        source.seek(number)
        try:
            page = exif_transpose(source)
        except OSError as problem:
            if "truncated" in str(problem):
                raise truncated(path, "image") from problem
            raise
        if number == 0:
            first = page.size
        if page.size != first:
            fact = f"has pages of different size, {first} and {page.size}"
            raise BadInput(path, fact, "keep the page at full size alone")
        yield page


def _pixels(page: "Picture", palette: Palette) -> Array:
    """(y, x) or (y, x, 3)."""
    if page.mode in {"P", "PA"} and palette == "index":
        numbers = np.asarray(page)
        return numbers if numbers.ndim == 2 else numbers[..., 0]
    if page.mode == "1":
        return np.asarray(page.convert("L")) // 255
    if page.mode in {"LA", "La"}:
        return np.asarray(page)[..., 0]
    if page.mode in {"RGB", "RGBA", "RGBX"}:
        return np.asarray(page)[..., :3]
    if page.mode in GREY:
        return native(np.asarray(page))
    return np.asarray(page.convert("RGB"))


def _deep_colour(source: "Picture") -> bool:
    """Whether there are several samples of 16 bits, which Pillow would cut to 8."""
    if source.format == "TIFF":
        bits = source.tag_v2.get(BITS_PER_SAMPLE, (1,))  # type: ignore[attr-defined]
        return len(bits) > 1 and max(bits) > 8
    modes = [tile[3] for tile in getattr(source, "tile", ())]
    return (
        source.format == "PNG"
        and any(isinstance(mode, str) and ";16" in mode for mode in modes)
        and (len(source.getbands()) > 1)
    )


def _decode_deep(path: Path) -> list[Array]:
    """The pages of a colour file of 16 bits a sample, by OpenCV."""
    import cv2

    try:
        _, pages = cv2.imdecodemulti(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as problem:
        fact = f"is not an image that can be decoded ({clause(problem)})"
        raise BadInput(path, fact, "save it as PNG") from problem
    if not pages:
        raise BadInput(path, "is not an image that can be decoded", "save it as PNG")
    return [page if page.ndim == 2 else page[..., 2::-1] for page in pages]


def _spacing_mm(source: "Picture") -> tuple[float, float, float]:
    """(z, y, x) as ImageJ wrote it, else ones."""
    tags = getattr(source, "tag_v2", {})
    description = str(tags.get(DESCRIPTION, ""))
    if not description.startswith("ImageJ="):
        return (1.0, 1.0, 1.0)
    facts = dict(line.split("=", 1) for line in description.splitlines() if "=" in line)
    unit = IMAGEJ_UNITS.get(facts.get("unit", "").lower())
    density = [float(tags.get(tag, 0)) for tag in RESOLUTION]
    if unit is None or min(density) <= 0:
        return (1.0, 1.0, 1.0)
    return (float(facts.get("spacing", "1")) * unit, unit / density[0], unit / density[1])
