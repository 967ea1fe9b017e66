"""NRRD (.nrrd, .nhdr) and MetaImage (.mha, .mhd), read by SimpleITK."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from imedbench.errors import BadInput
from imedbench.io.checks import clause, is_utf8, reading
from imedbench.io.geometry import (
    MOST_CHANNELS,
    Header,
    canonical_affine,
    lps_affine,
    placed_picture,
    source_grid,
    steps_mm,
    volume,
)
from imedbench.io.itk_headers import TextHeader, checked_header
from imedbench.types import Array, Image


def read(path: Path) -> Image:
    """The image, turned to RAS; a file of two axes is a picture, kept as drawn.

    Raises:
        BadInput: the file cannot be used; nothing was allocated for a header that promises too much.
    """
    import SimpleITK as sitk

    header = checked_header(path)
    with _named_for_itk(path, header) as name, _failures(path):
        loaded: Any = sitk.ReadImage(name)
        voxels = sitk.GetArrayFromImage(loaded)
    count = loaded.GetDimension()
    # numpy has the slowest axis first and components last: turn the axes and leave the components.
    voxels = voxels.transpose(*reversed(range(count)), *range(count, voxels.ndim))
    affine = _affine(loaded)
    if count == 2:
        return placed_picture(path, voxels, affine)
    if count == 4:
        voxels = _channels_last(path, voxels)
    return volume(path, voxels, affine)


def peek(path: Path) -> Header:
    """The header's facts; no voxel is read."""
    import SimpleITK as sitk

    header = checked_header(path)
    reader: Any = sitk.ImageFileReader()  # type: ignore[no-untyped-call]
    with _named_for_itk(path, header) as name, _failures(path):
        reader.SetFileName(name)
        reader.ReadImageInformation()
    affine, size, channels = _affine(reader), reader.GetSize(), reader.GetNumberOfComponents()
    if len(size) == 2:
        return Header(size[::-1], channels, header.dtype.name, steps_mm(affine)[1::-1])
    if len(size) == 4:
        channels *= size[3]
    source = source_grid(affine)
    shape = tuple(size[axis] for axis in source.axes)
    return Header(shape, channels, header.dtype.name, steps_mm(canonical_affine(source, size[:3])))


def _affine(loaded: Any) -> Array:
    """(4, 4) to RAS from an image or reader of two to four dimensions."""
    count = loaded.GetDimension()
    space = min(count, 3)
    direction, spacing, origin = np.eye(3), np.ones(3), np.zeros(3)
    direction[:space, :space] = np.array(loaded.GetDirection()).reshape(count, count)[:space, :space]
    spacing[:space] = loaded.GetSpacing()[:space]
    origin[:space] = loaded.GetOrigin()[:space]
    return lps_affine(direction, spacing, origin)


def _channels_last(path: Path, voxels: Array) -> Array:
    if voxels.ndim != 4 or voxels.shape[3] > MOST_CHANNELS:
        fact = f"holds {voxels.shape[3]} volumes, which is a time series and not channels"
        raise BadInput(path, fact, f"split it into files of at most {MOST_CHANNELS} volumes")
    return voxels if voxels.shape[3] > 1 else voxels[..., 0]


@contextlib.contextmanager
def _failures(path: Path) -> Iterator[None]:
    try:
        with reading(path, "ITK"):
            yield
    except RuntimeError as problem:
        if "determinant is 0" in str(problem):
            fact = "has a singular affine: the directions of its axes lie in one plane"
            raise BadInput(path, fact, "correct the header") from problem
        fact = f"cannot be decoded by ITK ({_reason(problem)})"
        raise BadInput(path, fact, "copy or download it again, or convert it to .nii.gz") from problem


def _reason(problem: RuntimeError) -> str:
    """What went wrong in ITK, without its source lines."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    if any("Error reading" in line or "cannot be read" in line for line in lines):
        return "its voxels are truncated or damaged"
    told = [line for line in lines if "Exception thrown" not in line]
    return clause(RuntimeError(told[0].rpartition("): ")[2] if told else lines[0]))


@contextlib.contextmanager
def _named_for_itk(path: Path, header: TextHeader) -> Iterator[str]:
    """A name that ITK can open: one that is not UTF-8 would abort the process, so it is lent a link."""
    if is_utf8(path):
        yield str(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder, "image").with_suffix(path.suffix)
        link.symlink_to(path.resolve())
        if header.data_file is not None and header.data_file.is_relative_to(path.parent):
            apart = Path(folder, header.data_file.relative_to(path.parent))
            apart.parent.mkdir(parents=True, exist_ok=True)
            apart.symlink_to(header.data_file.resolve())
        yield str(link)
