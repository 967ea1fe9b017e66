"""Columns of a table as numbers: equal entries have equal codes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Integers = NDArray[np.int64]
_MOST = 1 << 62


def joint_codes(table: "pa.Table", names: Sequence[str]) -> tuple[Integers, Integers]:
    """The code of each row's entries in these columns together, by first appearance, and the row where each appears."""
    coded = [codes_of(table, name) for name in names]
    joint, _ = joined([codes for codes, _ in coded], [len(entries) for _, entries in coded], table.num_rows)
    found, first, inverse = np.unique(joint, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(found), np.int64)
    place[order] = np.arange(len(found))
    return place[inverse], first[order]


def entries_at(table: "pa.Table", names: Sequence[str], rows: Integers) -> list[tuple[Any, ...]]:
    """The entries of these rows in these columns."""
    lists = [table[name].take(rows).to_pylist() for name in names]
    return list(zip(*lists, strict=True)) if lists else [()] * len(rows)


def codes_of(table: "pa.Table", name: str) -> tuple[Integers, list[Any]]:
    """The code of each row's entry in this column, and the entry of each code."""
    import pyarrow as pa

    column = table[name].unify_dictionaries().combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks else pa.array([], column.type)
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    return np.asarray(column.indices).astype(np.int64), column.dictionary.to_pylist()


def joined(parts: Sequence[Integers], sizes: Sequence[int], rows: int) -> tuple[Integers, int]:
    """One number for the codes of each row together, and how many there can be."""
    joint, size = np.zeros(rows, np.int64), 1
    for codes, entries in zip(parts, sizes, strict=True):
        if size * max(entries, 1) > _MOST:
            found, joint = np.unique(joint, return_inverse=True)
            size = len(found)
        joint, size = joint * max(entries, 1) + codes, size * max(entries, 1)
    return joint, size
