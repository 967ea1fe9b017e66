"""The Parquet index of a store: one row a case, one row a mask, one row a study that could not be used."""

import hashlib
import os
from bisect import bisect_left
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imedbench.errors import BadStore, UnknownName
from imedbench.masks import Masks
from imedbench.store.format import part_path

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import compute as pc
    from pyarrow import parquet

TABLES = ("cases", "masks")
BATCH = 16_384
GROUPS_KEPT = 64


@cache
def schema(table: str) -> "pa.Schema":
    """The columns of cases, masks or problems. FORMAT.md section 6 says what each means."""
    import pyarrow as pa

    text, whole, long, real = pa.string(), pa.int32(), pa.int64(), pa.float64()
    columns = {
        "cases": {
            **dict.fromkeys(("id", "dataset", "study", "patient", "split", "modality"), text),
            **dict.fromkeys(("ndim", "axis", "index"), whole),
            "parent": text,
            "shape": pa.list_(whole),
            "channels": pa.list_(text),
            **dict.fromkeys(("spacing_mm", "affine", "window"), pa.list_(real)),
            **dict.fromkeys(("gt", "interactive", "part"), whole),
            **{"image_array": text, "image_row": long},
            **{"original_array": text, "original_row": long},
            **{"masks_array": text, "masks_row": long},
            **dict.fromkeys(("source", "provenance"), text),
        },
        "masks": {
            **{"case": text, "number": whole, "target": text, "kind": text, "instance": whole},
            **{"area": long, "fraction": real, "low": pa.list_(whole), "high": pa.list_(whole)},
            **{"score": pa.float32(), "stability": pa.float32()},
        },
        "problems": dict.fromkeys(("study", "path", "error"), text),
    }
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns[table].items()])


def mask_rows(case: str, masks: Masks) -> dict[str, list[Any]]:
    """The columns of a case's masks."""
    areas = masks.areas()
    boxes = masks.boxes()
    return {
        "case": [case] * len(masks),
        "number": list(range(len(masks))),
        "target": [mask.target for mask in masks.infos],
        "kind": [mask.kind for mask in masks.infos],
        "instance": [mask.instance for mask in masks.infos],
        "area": areas.tolist(),
        "fraction": (areas / np.prod(masks.shape, dtype=np.float64)).tolist(),
        "low": boxes[:, 0].tolist(),
        "high": boxes[:, 1].tolist(),
        "score": [mask.score for mask in masks.infos],
        "stability": [mask.stability for mask in masks.infos],
    }


def write_table(path: Path, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
    """Writes a Parquet file from its columns, none of which means no rows; it appears whole or not at all."""
    import pyarrow as pa

    wanted = schema(table)
    _write(path, table, [pa.table({name: columns.get(name, ()) for name in wanted.names}, wanted)])


def consolidate(store: Path, parts: Iterable[int], reserved: Container[str] = ()) -> int:
    """Joins the tables of the parts at the root, one part at a time; returns the number of cases.

    Cases whose id is ``reserved`` are on the side "reserve" at the root, whatever their part says.

    Raises:
        BadStore: two cases have one id.
    """
    parts = sorted(parts)
    for table in TABLES:
        tables = _tables(store, parts, table)
        _write(store / f"{table}.parquet", table, tables if table != "cases" else _set_aside(tables, reserved))
    return _refuse_twins(store)


def read_table(
    store: Path, table: str, columns: Sequence[str] | None = None, where: "pc.Expression | None" = None
) -> "pa.Table":
    """A table of the store's root, or some columns of the rows that ``where`` is true of.

    Raises:
        BadStore: it is missing or damaged.
    """
    from pyarrow import parquet

    path = store / f"{table}.parquet"
    wanted = list(columns) if columns is not None else None
    with _blaming(path):
        return parquet.read_table(path, columns=wanted, filters=where, memory_map=True, partitioning=None)


@contextmanager
def _blaming(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException) as error:
        message = f"{path}: this index of the store cannot be read ({error}); copy or build the store again."
        raise BadStore(message) from error


class CaseRows:
    """Rows of ``cases`` by id. Only the ids stay in memory, 50 bytes a case, and the row groups that were read last."""

    def __init__(self, store: Path) -> None:
        """Reads the ids.

        Raises:
            BadStore: the table is missing or damaged.
        """
        import pyarrow.compute as pc
        from pyarrow import parquet

        self._path = store / "cases.parquet"
        with _blaming(self._path):
            self._metadata = parquet.read_metadata(self._path, memory_map=True)
        sizes = [self._metadata.row_group(group).num_rows for group in range(self._metadata.num_row_groups)]
        self._first = np.cumsum([0, *sizes])
        self.ids: Any = read_table(store, "cases", ["id"])["id"].combine_chunks()
        self._order: Any = pc.array_sort_indices(self.ids)
        self._group = lru_cache(GROUPS_KEPT)(self._read)

    def __len__(self) -> int:
        return len(self.ids)

    def find(self, case: str) -> dict[str, Any]:
        """The row of a case.

        Raises:
            UnknownName: there is no such case.
            BadStore: the table is damaged.
        """
        place = bisect_left(range(len(self.ids)), case, key=self._ranked)
        if place == len(self.ids) or self._ranked(place) != case:
            near = range(max(0, place - 2), min(len(self.ids), place + 3))
            what = "case"
            raise UnknownName(what, case, [self._ranked(at) for at in near])
        number = self._order[place].as_py()
        group = int(np.searchsorted(self._first, number, side="right")) - 1
        row: dict[str, Any] = self._group(group).slice(number - int(self._first[group]), 1).to_pylist()[0]
        return row

    def _ranked(self, place: int) -> str:
        """The id at this place of the alphabetical order."""
        name: str = self.ids[self._order[place].as_py()].as_py()
        return name

    def _read(self, group: int) -> "pa.Table":
        from pyarrow import parquet

        # A file of its own: threads may read at once.
        with _blaming(self._path), parquet.ParquetFile(self._path, metadata=self._metadata, memory_map=True) as file:
            return file.read_row_group(group)


def batches(path: Path, columns: Sequence[str] | None = None) -> Iterator["pa.RecordBatch"]:
    """A Parquet file, piece by piece: memory does not grow with its length."""
    from pyarrow import parquet

    with parquet.ParquetFile(path, memory_map=True) as file:
        yield from file.iter_batches(BATCH, columns=list(columns) if columns is not None else None)


def part_cases(store: Path, part: int, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The named columns of the cases of one finished part."""
    for batch in batches(part_path(store, part) / "cases.parquet", columns):
        yield from batch.to_pylist()


def _tables(store: Path, parts: Sequence[int], table: str) -> Iterator["pa.Table"]:
    from pyarrow import parquet

    for part in parts:
        path = part_path(store, part) / f"{table}.parquet"
        yield parquet.read_table(path, schema=schema(table), memory_map=True, partitioning=None)


def _set_aside(tables: Iterable["pa.Table"], reserved: Container[str]) -> Iterator["pa.Table"]:
    import pyarrow as pa

    for cases in tables:
        sides = zip(cases["id"].to_pylist(), cases["split"].to_pylist(), strict=True)
        splits = pa.array(("reserve" if name in reserved else side for name, side in sides), pa.string())
        place = cases.schema.get_field_index("split")
        yield cases.set_column(place, cases.schema.field(place), splits)


def _write(path: Path, table: str, tables: Iterable["pa.Table"]) -> None:
    unfinished = path.with_name(f".{path.name}.unfinished")
    with unfinished.open("wb") as file:
        with _parquet_writer(file, table) as writer:
            for rows in tables:
                writer.write_table(rows)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def _parquet_writer(file: Any, table: str) -> "parquet.ParquetWriter":
    from pyarrow import parquet

    return parquet.ParquetWriter(file, schema(table), compression="zstd")


def _refuse_twins(store: Path) -> int:
    """Counts the cases; 8 bytes of each id's hash are held at a time."""
    digests = (hashlib.blake2b(name.encode(), digest_size=8).digest() for name in _ids(store))
    hashes = np.fromiter((int.from_bytes(digest, "little") for digest in digests), np.uint64)
    values, counts = np.unique(hashes, return_counts=True)
    if len(values) == len(hashes):
        return len(hashes)
    suspects = set(values[counts > 1].tolist())
    seen: set[str] = set()
    for name, number in zip(_ids(store), hashes.tolist(), strict=True):
        if number in suspects and name in seen:
            message = f"{store}: two cases are called {name!r}; give each study an id of its own and build again."
            raise BadStore(message)
        if number in suspects:
            seen.add(name)
    return len(hashes)


def _ids(store: Path) -> Iterator[str]:
    for batch in batches(store / "cases.parquet", ["id"]):
        yield from batch.column(0).to_pylist()
