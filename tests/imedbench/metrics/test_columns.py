import numpy as np
import pyarrow as pa

from imedbench.metrics import columns

TABLE = pa.table({"a": ["y", "x", "y", "x", "z"], "b": [1, 1, 2, 1, 1]})


def test_equal_entries_have_equal_codes_by_first_appearance() -> None:
    codes, rows = columns.joint_codes(TABLE, ["a", "b"])
    assert codes.tolist() == [0, 1, 2, 1, 3]
    assert columns.entries_at(TABLE, ["a", "b"], rows) == [("y", 1), ("x", 1), ("y", 2), ("z", 1)]


def test_dictionaries_in_several_chunks_have_one_code_an_entry() -> None:
    encoded = [pa.table({"a": pa.array(names).dictionary_encode()}) for names in (["y", "x"], ["x", "z", "y"])]
    table = pa.concat_tables(encoded)
    codes, rows = columns.joint_codes(table, ["a"])
    assert codes.tolist() == [0, 1, 1, 2, 0]
    assert columns.entries_at(table, ["a"], rows) == [("y",), ("x",), ("z",)]


def test_no_columns_are_one_group_and_no_rows_none() -> None:
    codes, rows = columns.joint_codes(TABLE, [])
    assert codes.tolist() == [0] * 5
    assert columns.entries_at(TABLE, [], rows) == [()]
    nothing = TABLE.slice(0, 0)
    codes, rows = columns.joint_codes(nothing, ["a", "b"])
    assert (codes.tolist(), columns.entries_at(nothing, ["a", "b"], rows)) == ([], [])


def test_more_combinations_than_a_number_holds() -> None:
    rng = np.random.default_rng(0)
    parts = [rng.integers(1 << 20, size=1000) for _ in range(5)]
    parts[4][500:] = parts[4][:500]
    for part in parts[:4]:
        part[500:] = part[:500]
    joint, _ = columns.joined(parts, [1 << 20] * 5, 1000)
    assert len(np.unique(joint)) == 500
    np.testing.assert_array_equal(joint[500:], joint[:500])
