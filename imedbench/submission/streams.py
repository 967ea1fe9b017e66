"""Reads the tables of a bundle case by case, whatever is in them: never more than one case's rows at a time."""

from collections.abc import Callable, Container, Iterator, Mapping
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imedbench.errors import BadSubmission
from imedbench.evaluate.tables import schema
from imedbench.types import Array

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 4096
RUNS = ("starts", "lengths")
"""The columns of ``turns`` that hold guesses."""


class CaseStream:
    """A table whose rows come case by case, in the order of the data.

    Raises:
        BadSubmission: from here on, or when rows are taken: the file is damaged.
    """

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
    """Neighbouring rows of one case together."""
    import pyarrow as pa

    for name, parts in groupby(_pieces(path, table), key=lambda piece: piece[0]):
        yield name, pa.concat_tables([rows for _, rows in parts])


def _pieces(path: Path, table: str) -> "Iterator[tuple[str, pa.Table]]":
    """Rows of one case each, as they come."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = schema(table)
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH_ROWS):
                batch.validate(full=True)
                yield from _split(pa.Table.from_batches([batch]).cast(columns))
    except (OSError, pa.ArrowException) as problem:
        # Its pages are not what the footer says.
        message = f"{path.name}: cannot be read to its end ({str(problem)[:200]})."
        raise BadSubmission(message) from problem


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
    voxels = int(np.prod(grid, dtype=np.int64))
    if lengths.min() < 1 or starts.min() < 0 or starts.max() >= voxels or (starts + lengths).max() > voxels:
        return "runs without voxels or beyond the grid"
    ends = starts + lengths
    if (starts[1:] < ends[:-1]).any():
        return "runs that overlap or are out of order"
    if (starts // grid[-1] != (ends - 1) // grid[-1]).any():
        return "runs that go on beyond the end of a row"
    return ""
