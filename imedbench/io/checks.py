"""What makes a raw file unusable, each said in one sentence before any voxel is allocated."""

import errno
import gzip
import math
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from imedbench.errors import BadInput, printable
from imedbench.types import Array

DEFLATE = 1100
"""Deflate shrinks nothing by more than 1032 to 1; gzip, zlib and PNG are bound by it."""
SINGULAR = 1e-6
"""Volume of the unit directions below which axes count as lying in one plane."""


def clause(problem: BaseException) -> str:
    """The first line of an error's text, fit to stand inside a sentence."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    words = lines[0] if lines else type(problem).__name__
    return printable(words.replace(". ", ", ").rstrip(".:;"))[:200]


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turns what the system and the decompressors raise into `BadInput` about ``path``."""
    try:
        yield
    except EOFError as problem:
        raise truncated(path, kind) from problem
    except (zlib.error, gzip.BadGzipFile) as problem:
        fact, remedy = f"is a damaged {kind} file ({clause(problem)})", "copy or download it again"
        raise BadInput(path, fact, remedy) from problem
    except MemoryError as problem:
        fact, remedy = "does not fit into memory", "use a machine with more memory, or cut the volume"
        raise BadInput(path, fact, remedy) from problem
    except OSError as problem:
        raise inaccessible(path, problem) from problem


def truncated(path: Path, kind: str) -> BadInput:
    """The error for a file that stops before its data does."""
    return BadInput(path, f"is truncated: the {kind} data end before the last voxel", "copy or download it again")


def inaccessible(path: Path, problem: OSError) -> BadInput:
    """The error for a file that the system does not give out."""
    if problem.errno == errno.ELOOP:
        return BadInput(path, "is a symbolic link that leads back to itself", "remove or repair the link")
    if problem.errno == errno.ENOENT and path.is_symlink():
        return BadInput(path, "is a symbolic link to something that is not there", "remove or repair the link")
    if problem.errno == errno.ENOENT:
        return BadInput(path, "does not exist", "check the path")
    if problem.errno == errno.EACCES:
        return BadInput(path, "may not be read by this user", "change its permissions")
    reason = problem.strerror or clause(problem)
    return BadInput(path, f"cannot be read ({reason})", "check the file and its disk")


def file_size(path: Path) -> int:
    """Bytes in a regular file; raises `BadInput` for a link loop, a folder, a missing or an empty file."""
    with reading(path, "file"):
        status = path.stat()
    if not os.path.isfile(path):  # noqa: PTH113 - takes names that are not UTF-8 on every supported Python
        raise BadInput(path, "is not a regular file", "name a file")
    if status.st_size == 0:
        raise BadInput(path, "is empty (0 bytes)", "copy or download it again")
    return status.st_size


def check_size(path: Path, declared: int, available: int, ratio: int = 1) -> None:
    """Refuses a header that promises more than its file can hold; ``ratio`` is the best the encoding packs."""
    if declared > available * ratio:
        fact = f"has a header that declares {readable_bytes(declared)} but only {readable_bytes(available)} of data"
        raise BadInput(path, fact, "copy or download it again, or correct the header")


def is_utf8(path: Path) -> bool:
    """Whether a library that takes names as UTF-8 only can open this one."""
    return not any("\udc80" <= letter <= "\udcff" for letter in str(path))


def readable_bytes(count: int) -> str:
    """A byte count as people write it."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} bytes"


def check_shape(path: Path, shape: Sequence[int]) -> None:
    """Refuses an axis of no length."""
    if not shape or min(shape) < 1:
        fact = f"has shape {tuple(int(size) for size in shape)}, which holds no voxel"
        raise BadInput(path, fact, "export the image again")


def check_dtype(path: Path, dtype: np.dtype) -> None:
    """Refuses voxels that are not real numbers."""
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        fact = f"holds voxels of type {dtype}, which are not plain integers or floating-point numbers"
        raise BadInput(path, fact, "convert them to an integer or floating-point type")


def check_spacing(path: Path, spacing_mm: Sequence[float]) -> None:
    """Refuses a distance between voxels that is zero, negative or not finite."""
    if not all(math.isfinite(step) and step > 0 for step in spacing_mm):
        told = ", ".join(f"{step:g}" for step in spacing_mm)
        fact = f"has a spacing of ({told}) mm where every step must be above zero"
        raise BadInput(path, fact, "correct the header")


def check_affine(path: Path, affine: Array) -> None:
    """Refuses an affine that is not finite or that flattens space."""
    if not np.isfinite(affine).all():
        raise BadInput(path, "has an affine with values that are not finite", "correct the header")
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if (lengths == 0).any() or abs(np.linalg.det(affine[:3, :3] / lengths)) < SINGULAR:
        rows = "; ".join(", ".join(f"{value:g}" for value in row) for row in affine[:3, :3])
        fact = f"has a singular affine ({rows.replace(';', ' /')})"
        raise BadInput(path, fact, "correct the header")


def check_finite(path: Path, voxels: Array) -> None:
    """Refuses NaN and infinite voxels; says how many there are and where the first is in array order."""
    if voxels.dtype.kind != "f":
        return
    # A sum shows a NaN or an infinity without a mask of the volume's size; only float64 can overflow by itself.
    with np.errstate(all="ignore"):
        if all(np.isfinite(part.sum(dtype=np.float64)) for part in np.atleast_2d(voxels)):
            return
    bad = ~np.isfinite(voxels)
    count = int(bad.sum())
    if count:
        first = tuple(int(place) for place in np.unravel_index(int(bad.argmax()), bad.shape))
        fact = f"has {count} voxels that are NaN or infinite, the first at index {first} in (z, y, x) order"
        raise BadInput(path, fact, "replace them, for example by the value of air")
