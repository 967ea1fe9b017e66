"""NumPy files, .npy and .npz, that hold arrays of plain numbers; nothing is ever unpickled."""

import io
import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from imedbench.errors import BadInput
from imedbench.io.checks import DEFLATE, check_dtype, check_shape, check_size, clause, file_size, reading
from imedbench.io.geometry import MOST_CHANNELS, Header, picture, stack
from imedbench.io.intensities import native
from imedbench.types import Array, Image

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGE_NAMES = ("imgs", "image", "images", "img", "data", "x", "arr_0")
LABEL_NAMES = ("gts", "mask", "masks", "label", "labels", "seg", "segs", "segmentation", "y", "arr_0")
FACTS = {"spacing"}
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read(path: Path, names: Sequence[str] = IMAGE_NAMES) -> Image:
    """The array as an image: (y, x[, c]) with at most four channels, else (z, y, x[, c]).

    Of an .npz the first of ``names`` that it has is read, or its only array. Its ``spacing``, in mm, is in array order;
    beside ``imgs`` it is (x, y, z), as MedSAM and the CVPR 2025 challenge write what ITK gives them.

    Raises:
        BadInput: the file cannot be used; nothing was allocated for a header that promises too much.
    """
    with members(path) as held:
        name = _chosen(path, held, names)
        voxels = held[name].read()
        spacing = held["spacing"].read() if "spacing" in held else np.ones(0)
    voxels = native(voxels)
    shape, channels = _split(path, voxels.shape)
    voxels = voxels.reshape(*shape, channels) if channels > 1 else voxels.reshape(shape)
    spacing_mm = _spacing_mm(spacing, name, len(shape))
    if len(shape) == 2:
        return picture(path, voxels, spacing_mm[1:])
    return stack(path, voxels, spacing_mm)


def peek(path: Path) -> Header:
    """The header's facts; no voxel is read."""
    with members(path) as held:
        name = _chosen(path, held, IMAGE_NAMES)
        spacing = held["spacing"].read() if "spacing" in held else np.ones(0)
        shape, channels = _split(path, held[name].shape)
        dtype = held[name].dtype.newbyteorder("=").name
    return Header(shape, channels, dtype, _spacing_mm(spacing, name, len(shape))[-len(shape) :])


class Member:
    """One array in the file, its header checked against the bytes that are there."""

    def __init__(self, path: Path, stream: IO[bytes], size: int) -> None:
        self.path, self.stream = path, stream
        with reading(path, "numpy"):
            try:
                version = np.lib.format.read_magic(stream)
                self.shape, _, self.dtype = HEADERS[version](stream)
            except (ValueError, KeyError) as problem:
                fact = f"is not a numpy array file that can be read ({clause(problem)})"
                raise BadInput(path, fact, "save it again with numpy.save") from problem
        if self.dtype.hasobject:
            fact = "holds Python objects, which are never unpickled"
            raise BadInput(path, fact, "save plain arrays of numbers")
        declared = math.prod(self.shape) * self.dtype.itemsize
        check_size(path, declared, size - stream.tell())

    def read(self) -> Array:
        """The array, of any dtype but objects."""
        with reading(self.path, "numpy"):
            self.stream.seek(0)
            try:
                array: Array = np.lib.format.read_array(self.stream, allow_pickle=False)
            except (ValueError, zipfile.BadZipFile) as problem:
                fact = f"is truncated or damaged ({clause(problem)})"
                raise BadInput(self.path, fact, "copy or download it again") from problem
        return array


@contextmanager
def members(path: Path) -> "Iterator[Mapping[str, Member]]":
    """The arrays of a .npy file (one, named arr_0) or an .npz file by name, unread."""
    size = file_size(path)
    with reading(path, "numpy"), path.open("rb") as stream:
        if stream.read(2) != b"PK":
            stream.seek(0)
            yield {"arr_0": Member(path, stream, size)}
            return
        stream.seek(0)
        yield _zipped(path, stream, size)


def _zipped(path: Path, stream: io.BufferedReader, size: int) -> dict[str, Member]:
    held = {}
    try:
        archive = zipfile.ZipFile(stream)
        for entry in archive.infolist():
            if not entry.filename.endswith(".npy"):
                continue
            check_size(path, entry.file_size, min(entry.compress_size, size), DEFLATE)
            held[entry.filename.removesuffix(".npy")] = Member(path, archive.open(entry), entry.file_size)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error) as problem:
        fact = f"is truncated or damaged ({clause(problem)})"
        raise BadInput(path, fact, "copy or download it again") from problem
    return held


def _chosen(path: Path, held: Mapping[str, Member], names: Sequence[str]) -> str:
    """The name of the array that is meant; its type and shape are fit for an image."""
    candidates = [name for name in held if name not in FACTS]
    named = [name for name in names if name in candidates]
    if not named and len(candidates) != 1:
        found = f"holds the arrays {', '.join(sorted(held))}" if held else "holds no array"
        fact = f"{found}, and none called {' or '.join(names)}"
        raise BadInput(path, fact, "rename the one that is meant")
    name = (named or candidates)[0]
    check_dtype(path, held[name].dtype)
    check_shape(path, held[name].shape)
    return name


def _split(path: Path, shape: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
    """Spatial shape and number of channels."""
    if len(shape) > 2 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) == 2:
        return shape, 1
    if len(shape) == 3:
        return (shape[:2], shape[2]) if shape[2] <= 4 else (shape, 1)
    if len(shape) == 4 and shape[3] <= MOST_CHANNELS:
        return shape[:3], shape[3]
    fact = f"holds an array of shape {shape}, which is neither a picture nor a volume"
    raise BadInput(path, fact, "save it as (y, x), (y, x, channels), (z, y, x) or (z, y, x, channels)")


def _spacing_mm(spacing: Array, name: str, dimensions: int) -> tuple[float, float, float]:
    """(z, y, x); ones where the file does not give one number an axis."""
    steps = [float(step) for step in spacing.reshape(-1)] if spacing.dtype.kind in "iuf" else []
    if name == "imgs":
        steps.reverse()
    if len(steps) < dimensions:
        return (1.0, 1.0, 1.0)
    last = steps[-3:] if dimensions == 3 else [1.0, *steps[-2:]]
    return (last[0], last[1], last[2])
