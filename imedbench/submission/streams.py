"""Reads the tables of a bundle case by case, whatever is in them: never more than one case's rows at a time."""

from collections.abc import Callable, Container, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imedbench.evaluate.tables import schema
from imedbench.types import Array

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 4096
RUNS = ("starts", "lengths")
"""The columns of ``turns`` that hold guesses."""


class CaseStream:
    """A table whose rows come case by case, in the order of the data."""

    def __init__(self, path: Path, table: str) -> None:
        self._parts = _parts(path, table)
        self._head: tuple[str, pa.Table] | None = next(self._parts, None)

    def take(self, case: str, later: Container[str], strange: Callable[[str, str], None]) -> "pa.Table | None":
        """The rows of a case; None where the next ones are of a case that comes after it.

        Args:
            case: whose turn it is.
            later: the cases that come after it.
            strange: told of each case on the way that has no place here, and why.
        """
        while self._head is not None:
            name, rows = self._head
            if name == case:
                self._head = next(self._parts, None)
                return rows
            if name in later:
                return None
            strange(name, "is not of the task, or comes again or out of order")
            self._head = next(self._parts, None)
        return None

    def rest(self, strange: Callable[[str, str], None]) -> None:
        """Tells of the cases that are left when all have had their turn."""
        while self._head is not None:
            strange(self._head[0], "is not of the task, or comes again or out of order")
            self._head = next(self._parts, None)


def _parts(path: Path, table: str) -> "Iterator[tuple[str, pa.Table]]":
    """Neighbouring rows of one case together, without copies of guesses."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = schema(table)
    waiting: list[pa.Table] = []
    name = ""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH_ROWS):
            rows = pa.Table.from_batches([batch]).cast(columns)
            for case, part in _split(rows):
                if waiting and case != name:
                    yield name, pa.concat_tables(waiting)
                    waiting.clear()
                name = case
                waiting.append(part)
    if waiting:
        yield name, pa.concat_tables(waiting)


def _split(rows: "pa.Table") -> "Iterator[tuple[str, pa.Table]]":
    codes = rows["case"].combine_chunks().dictionary_encode()
    numbers = np.asarray(codes.indices)
    edges = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
    for first, behind in pairwise(edges):
        if behind > first:
            yield codes.dictionary[int(numbers[first])].as_py(), rows.slice(first, behind - first)


def turn_rows_of(rows: "pa.Table") -> list[dict[str, Any]]:
    """Rows of ``turns`` as mappings; guesses as arrays."""
    plain = [name for name in rows.column_names if name not in RUNS]
    found: list[dict[str, Any]] = rows.select(plain).to_pylist()
    runs = {name: _lists(rows, name) for name in RUNS}
    return [row | {name: values[place] for name, values in runs.items()} for place, row in enumerate(found)]


def _lists(rows: "pa.Table", name: str) -> list[Array]:
    column = rows[name].combine_chunks()
    offsets = np.asarray(column.offsets)
    values = np.asarray(column.values)
    return [values[first:behind] for first, behind in pairwise(offsets.tolist())]


def fault_of(row: Mapping[str, Any], grid: tuple[int, ...]) -> str:
    """What is wrong with the guess in a row of ``turns``; nothing where it can be decoded on the grid."""
    starts, lengths = row["starts"].astype(np.int64), row["lengths"].astype(np.int64)
    if len(starts) != len(lengths):
        return f"{len(starts)} starts of runs, {len(lengths)} lengths"
    if not len(starts):
        return ""
    ends = starts + lengths
    if lengths.min() < 1 or starts.min() < 0 or ends.max() > np.prod(grid, dtype=np.int64):
        return "runs without voxels or beyond the grid"
    if (starts[1:] < ends[:-1]).any():
        return "runs that overlap or are out of order"
    if (starts // grid[-1] != (ends - 1) // grid[-1]).any():
        return "runs that go on beyond the end of a row"
    return ""
