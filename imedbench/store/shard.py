"""Arrays of rows, each row a chunk and all rows in one Zarr shard: written row by row, read in two small reads.

zarr-python would hold a whole shard to write it. The layout of a shard is simple and specified (Zarr v3, codec
``sharding_indexed``): the encoded chunks, then an index of (offset, length) pairs and its CRC. Arrays that are laid
out in another way, by tools that rewrote a store, are read through zarr-python.
"""

import json
import os
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from imedbench.errors import BadStore
from imedbench.store.format import GROUP, ArraySpec, write_json
from imedbench.types import Array

ABSENT = 2**64 - 1
CRC_BYTES = 4
ENTRY_BYTES = 16
BLOSC_HEADER = 16


class Rows(Protocol):
    """An array, read a row at a time."""

    def __len__(self) -> int: ...

    def row(self, index: int) -> Array:
        """One row."""
        ...


def write_array(folder: Path, spec: ArraySpec, rows: Iterable[Array]) -> None:
    """Writes an array from its rows, which are padded with zeros at their high ends; holds one row at a time."""
    from google_crc32c import value as crc32c
    from numcodecs import Blosc

    folder.mkdir()
    chunk = np.zeros(spec.chunk, np.dtype(spec.dtype).newbyteorder("<"))
    # One block a chunk: then the bytes do not depend on the number of threads.
    blosc = Blosc("zstd", spec.level, Blosc.SHUFFLE if spec.itemsize > 1 else Blosc.NOSHUFFLE, chunk.nbytes)
    index: list[tuple[int, int]] = []
    place = 0
    with (folder / shard_name(spec)).open("wb") as file:
        for row in rows:
            chunk[...] = 0
            chunk[tuple(map(slice, row.shape))] = row
            encoded = blosc.encode(chunk)
            index.append((place, len(encoded) + CRC_BYTES))
            place += file.write(encoded) + file.write(crc32c(encoded).to_bytes(CRC_BYTES, "little"))
        footer = np.array(index, "<u8").tobytes()
        file.write(footer)
        file.write(crc32c(footer).to_bytes(CRC_BYTES, "little"))
        file.flush()
        os.fsync(file.fileno())
    write_json(folder / GROUP, spec.metadata(len(index)))


def shard_name(spec: ArraySpec) -> str:
    """The file of the only shard of an array."""
    return ".".join(["c", *("0" for _ in range(1 + len(spec.chunk)))])


def open_array(folder: Path) -> Rows:
    """The array in this folder.

    Raises:
        BadStore: there is none.
    """
    try:
        metadata = json.loads((folder / GROUP).read_text(encoding="utf-8"))
        spec = ArraySpec(folder.name, metadata["data_type"], tuple(metadata["shape"][1:]))
        if _layout(metadata) == _layout(spec.metadata(metadata["shape"][0])):
            return ShardRows(folder / shard_name(spec), spec, metadata["shape"][0])
        return ZarrRows(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{folder}: this array of the store cannot be opened ({error}); copy or build the store again."
        raise BadStore(message) from error


def _layout(metadata: dict[str, Any]) -> dict[str, Any]:
    """What decides how the bytes are read. Blosc's own header says how a chunk was compressed."""
    fields = ("shape", "data_type", "chunk_grid", "chunk_key_encoding", "fill_value", "codecs")
    layout: dict[str, Any] = json.loads(json.dumps({field: metadata[field] for field in fields}))
    for codec in layout["codecs"][0].get("configuration", {}).get("codecs", []):
        if codec["name"] == "blosc":
            codec.pop("configuration", None)
    return layout


class ShardRows:
    """Rows straight from the shard file: an index entry, then the chunk."""

    def __init__(self, path: Path, spec: ArraySpec, count: int) -> None:
        self.path, self._count = path, count
        self._dtype = np.dtype(spec.dtype).newbyteorder("<")
        self._chunk = spec.chunk
        self._bytes = int(np.prod(spec.chunk, dtype=np.int64)) * self._dtype.itemsize
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)
        self._index = os.fstat(self._file).st_size - CRC_BYTES - ENTRY_BYTES * self._count

    def __len__(self) -> int:
        return self._count

    def row(self, index: int) -> Array:
        """One row.

        Raises:
            BadStore: the chunk is damaged.
            IndexError: there is no such row.
        """
        from google_crc32c import value as crc32c
        from numcodecs import blosc

        if not 0 <= index < self._count:
            message = f"row {index} of {self._count}"
            raise IndexError(message)
        entry = os.pread(self._file, ENTRY_BYTES, self._index + ENTRY_BYTES * index) if self._index >= 0 else b""
        offset, length = (int.from_bytes(entry[half : half + 8], "little") for half in (0, 8))
        if offset == length == ABSENT:
            return np.zeros(self._chunk, self._dtype)
        if len(entry) < ENTRY_BYTES or offset + length > self._index:
            raise self._damaged(index, "its index is cut or wrong")
        stored = os.pread(self._file, length, offset)
        encoded = stored[:-CRC_BYTES]
        if crc32c(encoded) != int.from_bytes(stored[-CRC_BYTES:], "little"):
            raise self._damaged(index, "its checksum does not fit")
        if len(encoded) < BLOSC_HEADER or int.from_bytes(encoded[4:8], "little") != self._bytes:
            raise self._damaged(index, "it has the wrong size")
        row = np.empty(self._chunk, self._dtype)
        blosc.decompress(encoded, row)
        return row

    def _damaged(self, index: int, fact: str) -> BadStore:
        message = f"{self.path}: row {index} of this array is damaged, {fact}; copy or build the store again."
        return BadStore(message)


class ZarrRows:
    """Rows through zarr-python, however the array is laid out."""

    def __init__(self, folder: Path) -> None:
        import zarr

        self._array = zarr.open_array(folder, mode="r")
        self._count = int(self._array.shape[0])

    def __len__(self) -> int:
        return self._count

    def row(self, index: int) -> Array:
        """One row."""
        if not 0 <= index < len(self):
            message = f"row {index} of {len(self)}"
            raise IndexError(message)
        return np.asarray(self._array[index])
