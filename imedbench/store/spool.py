"""Where the arrays of a part wait: in a file, because only all their sizes together decide how they are stored."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imedbench.store.format import Extent
from imedbench.types import Array


@dataclass(frozen=True, slots=True)
class Waiting:
    """An array in the spool."""

    case: int
    """Number in the part of the case that it belongs to."""
    role: str
    """image, original or masks."""
    offset: int
    shape: tuple[int, ...]
    dtype: str
    spatial: int
    """Leading axes that are of space: 3 for a volume, 2 for a picture, 1 for a row of masks."""

    @property
    def extent(self) -> Extent:
        """What decides the array that an image goes to."""
        rows, columns = self.plane[:2]
        return Extent(self.role, (rows, columns), self.plane[2:], self.dtype)

    @property
    def plane(self) -> tuple[int, ...]:
        """Shape of what becomes one row of an array."""
        return self.shape[1:] if self.spatial == 3 else self.shape

    @property
    def planes(self) -> int:
        """How many rows of an array it becomes."""
        return self.shape[0] if self.spatial == 3 else 1


class Spool:
    """Arrays one behind the other in a file; one plane is in memory at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb+")

    def put(self, case: int, role: str, array: Array, spatial: int) -> Waiting:
        """Appends an array."""
        waiting = Waiting(case, role, self._file.seek(0, os.SEEK_END), array.shape, array.dtype.name, spatial)
        little = array.dtype.newbyteorder("<")
        for plane in array if spatial == 3 else (array,):
            self._file.write(plane.astype(little, copy=False).tobytes())
        return waiting

    def planes(self, waiting: Waiting) -> Iterator[Array]:
        """The array again, plane by plane."""
        dtype = np.dtype(waiting.dtype).newbyteorder("<")
        size = int(np.prod(waiting.plane, dtype=np.int64)) * dtype.itemsize
        for plane in range(waiting.planes):
            self._file.seek(waiting.offset + plane * size)
            yield np.frombuffer(self._file.read(size), dtype).reshape(waiting.plane)

    def remove(self) -> None:
        """Ends the spool and its file."""
        self._file.close()
        self._path.unlink(missing_ok=True)
