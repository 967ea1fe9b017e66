"""DICOM images: series of single slices, multi-frame volumes, and single pictures."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from imedbench.errors import BadInput
from imedbench.io.checks import reading
from imedbench.io.dicom_frames import Frame, frames_of, plane_affine, stacked
from imedbench.io.dicom_pixels import stored_pixels
from imedbench.io.dicom_series import Series, check_sound, folder_of, open_dataset, series_in
from imedbench.io.geometry import Header, canonical_affine, picture, placed_picture, source_grid, steps_mm, volume
from imedbench.io.intensities import rescaled, scaled_dtype
from imedbench.types import Array, Image

PROJECTIONS = {"CR", "DX", "MG", "IO", "PX", "RF", "XA", "RG"}
"""Where MONOCHROME1 means that bone is dark; elsewhere the values are measurements and stay."""
MODALITIES = {
    **dict.fromkeys(("CR", "DX", "RG", "PX", "IO", "RF", "XA"), "xray"),
    "MG": "mammography",
    "PT": "pet",
    "OP": "fundus",
    "OPT": "oct",
    "ES": "endoscopy",
    "SM": "pathology",
}


def read(path: Path) -> Image:
    """The image of a file, or of a folder that holds one series (planning views beside it are passed over).

    One frame is a picture, kept as drawn; several are a volume, turned to RAS.

    Raises:
        BadInput: there is no series or more than one, or it cannot be used.
    """
    return read_series(_only_series(path))


def read_series(series: Series, *, modality: str = "") -> Image:
    """The image of one series of a folder; rescaled to its units, X-rays with bone bright.

    Args:
        series: as `series_in` found it.
        modality: as in the recipe; empty takes what DICOM says.

    Raises:
        BadInput: slices are missing, doubled, tilted, of several orientations, or cannot be decoded.
    """
    check_sound(series)
    folder = folder_of(series.paths)
    frames, planes = _loaded(folder, series.paths)
    modality = modality or MODALITIES.get(series.modality, series.modality.lower())
    if len(frames) == 1:
        image = _picture(folder, frames[0], planes[0])
    else:
        order, affine = stacked(folder, frames)
        voxels = _stack(folder, planes, order)
        # (slice, row, column) seen as (column, row, slice), the file's own (i, j, k)
        image = volume(folder, voxels.transpose(2, 1, 0, *range(3, voxels.ndim)), affine)
    return replace(image, modality=modality)


def peek(path: Path) -> Header:
    """The headers' facts; no pixel is read, gaps are found all the same."""
    return peek_series(_only_series(path))


def peek_series(series: Series) -> Header:
    """`peek` for one series of a folder that holds several.

    Raises:
        BadInput: the slices do not make a volume, or one of them cannot be used.
    """
    headers = [(name, open_dataset(name, pixels=False)) for name in series.paths]
    frames = [frame for name, header in headers for frame in frames_of(name, header)]
    first = headers[0][1]
    size, channels = (int(first.Rows), int(first.Columns)), _channels(first)
    dtype = _dtype(first, frames).name
    if len(frames) == 1:
        return Header(size, channels, dtype, frames[0].steps_mm or (1.0, 1.0))
    _, affine = stacked(folder_of(series.paths), frames)
    source = source_grid(affine)
    whole = (size[1], size[0], len(frames))
    return Header(
        tuple(whole[axis] for axis in source.axes), channels, dtype, steps_mm(canonical_affine(source, whole))
    )


def _only_series(path: Path) -> Series:
    """The one series of a folder, or a file as a series of its own."""
    with reading(path, "DICOM"):
        alone = not path.is_dir()
    if alone:
        header = open_dataset(path, pixels=False)
        return Series("", "", str(header.get("Modality") or ""), str(header.get("PatientID") or ""), (path,))
    found = series_in(path)
    if not found:
        fact = "holds no image that can be read: there is no DICOM slice in it"
        raise BadInput(path, fact, "name the folder that holds the series, or the image file")
    for series in found:
        check_sound(series)
    scans = [series for series in found if not series.localizer] or found
    if len(scans) > 1:
        told = ", ".join(f"{series.description or series.uid or 'unnamed'} ({len(series.paths)})" for series in scans)
        fact = f"holds {len(scans)} DICOM series (with so many files): {told}"
        raise BadInput(path, fact, "give each series a folder of its own, or name one of them")
    return scans[0]


def _loaded(folder: Path, paths: Sequence[Path]) -> tuple[list[Frame], list[Array]]:
    """All frames, and the rescaled pixels of each."""
    frames: list[Frame] = []
    planes: list[Array] = []
    for path in paths:
        dataset = open_dataset(path)
        pixels = _upright(dataset, stored_pixels(path, dataset))
        own = frames_of(path, dataset)
        if len(own) != len(pixels):
            fact = f"describes {len(own)} frames but holds {len(pixels)}"
            raise BadInput(path, fact, "export it again")
        frames += own
        planes += [rescaled(plane, frame.slope, frame.intercept) for frame, plane in zip(own, pixels, strict=True)]
    shapes = sorted({plane.shape for plane in planes})
    if len(shapes) > 1:
        fact = f"mixes slices of different size, {shapes[0]} and {shapes[-1]}"
        raise BadInput(folder, fact, "keep only the slices of one stack")
    return frames, planes


def _upright(dataset: Any, pixels: Array) -> Array:
    """The pixels with high values bright where the picture is one to look at."""
    if dataset.get("PhotometricInterpretation") != "MONOCHROME1" or dataset.get("Modality") not in PROJECTIONS:
        return pixels
    bits = int(dataset.BitsStored)
    ends = -1 if int(dataset.get("PixelRepresentation") or 0) else (1 << bits) - 1
    return np.asarray(ends - pixels.astype(np.int32))


def _stack(folder: Path, planes: list[Array], order: Sequence[int]) -> Array:
    """(slice, row, column[, 3]) in one array; each plane is let go once it is copied."""
    dtype = np.result_type(*{plane.dtype for plane in planes})
    with reading(folder, "DICOM"):
        voxels = np.empty((len(planes), *planes[0].shape), dtype)
    for place, index in enumerate(order):
        voxels[place] = planes[index]
        planes[index] = voxels[place]
    return voxels


def _picture(path: Path, frame: Frame, plane: Array) -> Image:
    steps = frame.steps_mm or (1.0, 1.0)
    if frame.position is None or frame.orientation is None:
        return picture(path, plane, steps)
    return placed_picture(path, plane.swapaxes(0, 1), plane_affine(frame))


def _channels(header: Any) -> int:
    colour = int(header.get("SamplesPerPixel") or 1) > 1 or header.get("PhotometricInterpretation") == "PALETTE COLOR"
    return 3 if colour else 1


def _dtype(header: Any, frames: Sequence[Frame]) -> np.dtype:
    """The type that the voxels come in, the widest where that depends on them."""
    signed, bits = bool(header.get("PixelRepresentation")), int(header.get("BitsStored") or 8)
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    scales = {(frame.slope, frame.intercept) for frame in frames}
    if scales == {(1.0, 0.0)}:
        return np.dtype(f"{'i' if signed else 'u'}{max(int(header.get('BitsAllocated') or 8) // 8, 1)}")
    return np.result_type(*{scaled_dtype(low, high, *scale) for scale in scales})
