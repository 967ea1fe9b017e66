"""NIfTI-1 and NIfTI-2 in one file, plain or gzipped."""

import gzip
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imedbench.errors import BadInput
from imedbench.io.checks import (
    DEFLATE,
    check_affine,
    check_dtype,
    check_shape,
    check_size,
    check_spacing,
    clause,
    file_size,
    reading,
    truncated,
)
from imedbench.io.geometry import (
    MOST_CHANNELS,
    Header,
    canonical_affine,
    placed_picture,
    source_grid,
    steps_mm,
    volume,
)
from imedbench.io.intensities import native, rescaled, scaled_dtype
from imedbench.types import Array, Image

HEADERS = {348: "Nifti1Header", 540: "Nifti2Header"}
COLOURS = {("R", "G", "B"), ("R", "G", "B", "A")}


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """What the header says, checked."""

    shape: tuple[int, ...]
    """Of the file's array: two or three spatial axes, then all others."""
    flat: bool
    """Whether the file declares a picture and not a volume."""
    dtype: np.dtype
    offset: int
    """Where the voxels begin."""
    slope: float
    intercept: float
    affine: Array
    """(4, 4), (i, j, k, 1) to RAS mm: sform, else qform, else spacing alone, as nibabel chooses."""

    @property
    def spatial(self) -> int:
        return 2 if self.flat else 3

    @property
    def channels(self) -> int:
        volumes = math.prod(self.shape[self.spatial :])
        return volumes * (3 if self.dtype.fields else 1)

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def read(path: Path) -> Image:
    """The image, turned to RAS, further volumes as channels; a file of two axes is a picture, kept as drawn.

    Raises:
        BadInput: the file cannot be used; nothing was allocated for a header that promises too much.
    """
    layout = _layout(path)
    stored = _stored(path, layout)
    if layout.dtype.fields:
        # Colour; opacity says nothing of the tissue.
        voxels = np.stack([native(stored[name]) for name in ("R", "G", "B")], axis=-1)
    else:
        voxels = rescaled(native(stored), layout.slope, layout.intercept)
    space = voxels.shape[: layout.spatial]
    voxels = voxels.reshape(*space, layout.channels, order="A") if layout.channels > 1 else voxels.reshape(space)
    return placed_picture(path, voxels, layout.affine) if layout.flat else volume(path, voxels, layout.affine)


def peek(path: Path) -> Header:
    """The header's facts; no voxel is read."""
    layout = _layout(path)
    dtype = _answered(layout).name
    if layout.flat:
        return Header(layout.shape[1::-1], layout.channels, dtype, steps_mm(layout.affine)[1::-1])
    source = source_grid(layout.affine)
    shape = tuple(layout.shape[axis] for axis in source.axes)
    return Header(shape, layout.channels, dtype, steps_mm(canonical_affine(source, layout.shape)))


def _answered(layout: _Layout) -> np.dtype:
    """The type that `read` answers in, the widest where that depends on the voxels."""
    if layout.dtype.fields:
        return np.dtype(np.uint8)
    if layout.slope == 1 and layout.intercept == 0:
        return layout.dtype.newbyteorder("=")
    if layout.dtype.kind == "f":
        return np.dtype(np.float32)
    limits = np.iinfo(layout.dtype)
    return scaled_dtype(limits.min, limits.max, layout.slope, layout.intercept)


def _open(path: Path) -> gzip.GzipFile | io.BufferedReader:
    """The file's bytes, unpacked where they are gzipped, whatever its ending says."""
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else path.open("rb")


def _layout(path: Path) -> _Layout:
    size = file_size(path)
    with reading(path, "NIfTI"), _open(path) as stream:
        packed = isinstance(stream, gzip.GzipFile)
        block = stream.read(540)
    header = _header(path, block)
    shape, flat = _shape(path, header)
    dtype = _dtype(path, header)
    spatial = 2 if flat else 3
    if math.prod(shape[spatial:]) > MOST_CHANNELS:
        fact = f"holds {math.prod(shape[spatial:])} volumes, which is a time series and not channels"
        raise BadInput(path, fact, f"split it into files of at most {MOST_CHANNELS} volumes")
    least = int(header["sizeof_hdr"]) + 4
    layout = _Layout(
        shape, flat, dtype, max(int(header["vox_offset"]), least), *_scaling(path, header), _affine(path, header, shape)
    )
    check_size(path, layout.offset + layout.nbytes, size, DEFLATE if packed else 1)
    return layout


def _header(path: Path, block: bytes) -> Any:
    """The raw header; nibabel's own checks would quietly mend a negative spacing."""
    import nibabel

    for order, sign in (("little", "<"), ("big", ">")):
        name = HEADERS.get(int.from_bytes(block[:4], order))  # type: ignore[arg-type]
        kind = getattr(nibabel, name) if name else None
        if kind is None or len(block) < kind.template_dtype.itemsize:
            continue
        header = kind(block[: kind.template_dtype.itemsize], endianness=sign, check=False)
        if bytes(header["magic"]).startswith((b"n+1", b"n+2")):
            return header
    fact = "is not a single-file NIfTI (its header has neither the right length nor the right signature)"
    raise BadInput(path, fact, "convert it to .nii.gz, for example with SimpleITK")


def _shape(path: Path, header: Any) -> tuple[tuple[int, ...], bool]:
    """The array's shape with trailing ones cut, at least (i, j, k) or, where only two axes are declared, (i, j)."""
    count = int(header["dim"][0])
    if not 2 <= count <= 7:
        fact = f"declares {count} dimensions"
        raise BadInput(path, fact, "export the image again with two to five dimensions")
    shape = [int(size) for size in header["dim"][1 : count + 1]]
    check_shape(path, shape)
    while len(shape) > min(count, 3) and shape[-1] == 1:
        shape.pop()
    return tuple(shape), count == 2


def _dtype(path: Path, header: Any) -> np.dtype:
    from nibabel.spatialimages import HeaderDataError

    try:
        dtype: np.dtype = header.get_data_dtype()
    except (HeaderDataError, KeyError) as problem:
        fact = f"has the unknown NIfTI data type {int(header['datatype'])}"
        raise BadInput(path, fact, "convert it to an integer or floating-point type") from problem
    if dtype.names not in COLOURS:
        check_dtype(path, dtype)
    return dtype


def _scaling(path: Path, header: Any) -> tuple[float, float]:
    """Slope and intercept; a slope of zero or NaN means none, by the standard."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or math.isnan(slope):
        return 1.0, 0.0
    intercept = 0.0 if math.isnan(intercept) else intercept
    if not (math.isfinite(slope) and math.isfinite(intercept)):
        raise BadInput(path, f"has a value scaling of {slope:g} and {intercept:g}", "correct the header")
    return slope, intercept


def _affine(path: Path, header: Any, shape: tuple[int, ...]) -> Array:
    from nibabel.spatialimages import HeaderDataError

    wide = [axis for axis in range(min(3, len(shape))) if shape[axis] > 1]
    check_spacing(path, [float(header["pixdim"][1 + axis]) for axis in wide])
    for axis in {0, 1, 2}.difference(wide):
        # An axis of one voxel often has no spacing; without one the quaternion's affine is singular.
        if not header["pixdim"][1 + axis] > 0:
            header["pixdim"][1 + axis] = 1
    try:
        affine = np.asarray(header.get_best_affine(), np.float64)
    except (HeaderDataError, ValueError) as problem:
        raise BadInput(
            path, f"has an orientation that is not one ({clause(problem)})", "correct the header"
        ) from problem
    check_affine(path, affine)
    return affine


def _stored(path: Path, layout: _Layout) -> Array:
    """The voxels as stored, in Fortran order, read once into their final place."""
    with reading(path, "NIfTI"), _open(path) as stream:
        flat = np.empty(math.prod(layout.shape), layout.dtype)
        target = memoryview(flat.view(np.uint8).data)
        stream.seek(layout.offset)
        filled = 0
        while filled < len(target):
            count = stream.readinto(target[filled : filled + (1 << 24)])
            if not count:
                raise truncated(path, "NIfTI")
            filled += count
        # gzip verifies its checksum where the stream ends, which may be after the last voxel.
        while isinstance(stream, gzip.GzipFile) and stream.read(1 << 20):
            pass
    return flat.reshape(layout.shape, order="F")
