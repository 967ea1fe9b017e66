"""The fixed points of the store format, version 1, as FORMAT.md specifies it: names, metadata, sizes of arrays."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = "imedbench-store"
VERSION = 1
GROUP = "zarr.json"
PARTS = "parts"
# With its group, two Parquet files and two files an array, a part of 1,024 images then has at most 31 files:
# 6.4 million images stay under 200,000.
MOST_ARRAYS = 14
MASK_ARRAYS = ("masks-2d", "masks-3d")
SMALLEST_STEP = 32
DTYPES = frozenset({
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """One array of a part: rows of one shape, each a chunk, all in one shard."""

    name: str
    dtype: str
    """As numpy names it, without byte order."""
    chunk: tuple[int, ...]
    """Shape of a row."""
    level: int = 5
    """Of zstd's compression."""

    @property
    def itemsize(self) -> int:
        """Bytes an element."""
        return 1 if self.dtype == "bool" else int("".join(filter(str.isdigit, self.dtype))) // 8

    def metadata(self, rows: int) -> dict[str, Any]:
        """The array's zarr.json."""
        rowwise = ("case", "word") if self.name in MASK_ARRAYS else ("row", "y", "x", "channel")
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": [rows, *self.chunk],
            "data_type": self.dtype,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [rows, *self.chunk]}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
            "fill_value": False if self.dtype == "bool" else 0,
            "codecs": [{"name": "sharding_indexed", "configuration": self._sharding()}],
            "attributes": {},
            "dimension_names": list(rowwise[: 1 + len(self.chunk)]),
        }

    def _sharding(self) -> dict[str, Any]:
        little = {"name": "bytes", "configuration": {"endian": "little"}}
        checksum = {"name": "crc32c"}
        blosc = {
            "typesize": self.itemsize,
            "cname": "zstd",
            "clevel": self.level,
            "shuffle": "shuffle" if self.itemsize > 1 else "noshuffle",
            "blocksize": 0,
        }
        return {
            "chunk_shape": [1, *self.chunk],
            "codecs": [little, {"name": "blosc", "configuration": blosc}, checksum],
            "index_codecs": [little, checksum],
            "index_location": "end",
        }


@dataclass(frozen=True, slots=True)
class Extent:
    """What is to be known of an image to choose its array."""

    role: str
    """image or original."""
    sides: tuple[int, int]
    """Rows and columns of a plane."""
    tail: tuple[int, ...]
    """(channels,), or nothing where the image has no axis of channels."""
    dtype: str

    def spec(self, coarseness: int) -> ArraySpec:
        """The array for it at this coarseness of the ladder of sizes."""
        chunk = (*(padded(side, coarseness) for side in self.sides), *self.tail)
        size = "x".join(map(str, chunk))
        suffix = f"-{self.dtype}" if self.role == "original" else ""
        return ArraySpec(f"{self.role}-{size}{suffix}", self.dtype, chunk)


def padded(side: int, coarseness: int = 0) -> int:
    """The size on the ladder that holds ``side``: steps of 32 up to 512, of 1/16 to 1/8 of the side above it.

    Each unit of ``coarseness`` doubles the smallest step.
    """
    step = max(SMALLEST_STEP << coarseness, 1 << max(0, (side - 1).bit_length() - 4))
    return -(-side // step) * step


def choose_arrays(extents: Sequence[Extent]) -> list[ArraySpec]:
    """An array for each image; as fine a ladder of sizes as `MOST_ARRAYS` allows."""
    limit = MOST_ARRAYS - len(MASK_ARRAYS)
    kinds = {(extent.role, extent.tail, extent.dtype) for extent in extents}
    distinct = set(extents)
    coarseness = 0
    while len({extent.spec(coarseness).name for extent in distinct}) > max(limit, len(kinds)):
        coarseness += 1
    return [extent.spec(coarseness) for extent in extents]


def group_metadata(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The zarr.json of a group."""
    return {"zarr_format": 3, "node_type": "group", "attributes": dict(attributes)}


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Writes the file; it appears whole or not at all."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def part_path(store: Path, part: int) -> Path:
    """The folder of a part."""
    return store / PARTS / f"{part:05d}"
