from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imedbench.errors import BadSubmission
from imedbench.evaluate.results import Results
from imedbench.submission import streams
from imedbench.submission.streams import CaseStream, fault_of, turn_rows_of


def cases_of(results: Results) -> list[str]:
    return list(dict.fromkeys(results.turns["case"].to_pylist()))


@pytest.mark.parametrize("rows", [1, 7, 4096])
def test_cases_come_one_by_one_whatever_is_read_at_once(
    results: Results, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(streams, "BATCH_ROWS", rows)
    stream = CaseStream(results.path / "turns.parquet", "turns")
    parts = [stream.take(case, (), pytest.fail) for case in cases_of(results)]
    stream.rest(pytest.fail)
    assert pa.concat_tables([part for part in parts if part is not None]).equals(results.turns)


def test_cases_that_are_missing_or_strange_or_out_of_order(results: Results, tmp_path: Path) -> None:
    first, second, third = cases_of(results)
    stream = CaseStream(results.path / "turns.parquet", "turns")
    told: list[str] = []

    def strange(case: str, why: str) -> None:
        told.append(case)

    assert stream.take("before", (first, second, third), strange) is None
    assert stream.take(second, (third,), strange) is not None
    assert told == [first]
    assert stream.take("between", (third,), strange) is None
    stream.rest(strange)
    assert told == [first, third]


def test_rows_with_their_guesses(results: Results) -> None:
    table = results.turns.slice(3, 5)
    rows = turn_rows_of(table)
    for row, known in zip(rows, table.to_pylist(), strict=True):
        assert {name: list(row[name]) for name in streams.RUNS} == {name: known[name] for name in streams.RUNS}
        assert row["given"] == known["given"]


def test_text_that_is_none(results: Results, tmp_path: Path) -> None:
    columns = results.turns.schema
    bad = pa.array([b"\xff\xfe"] * 3, pa.binary()).view(pa.string())
    place = columns.get_field_index("case")
    pq.write_table(results.turns.slice(0, 3).set_column(place, columns.field(place), bad), tmp_path / "turns.parquet")
    with pytest.raises(BadSubmission, match="cannot be read"):
        CaseStream(tmp_path / "turns.parquet", "turns")


@pytest.mark.parametrize(
    ("starts", "lengths", "fault"),
    [
        ([], [], ""),
        ([0, 5, 15], [5, 5, 5], ""),
        ([3], [2, 2], "1 starts of runs, 2 lengths"),
        ([3], [0], "without voxels"),
        ([3], [-2], "without voxels"),
        ([-1], [2], "beyond the grid"),
        ([39], [2], "beyond the grid"),
        ([2**62], [2**31 - 1], "beyond the grid"),
        ([2**63 - 1], [1], "beyond the grid"),
        ([5, 0], [2, 2], "out of order"),
        ([5, 6], [2, 2], "overlap"),
        ([8], [4], "end of a row"),
    ],
)
def test_guesses_that_can_be_decoded(starts: Any, lengths: Any, fault: str) -> None:
    row = {"starts": np.array(starts, np.int64), "lengths": np.array(lengths, np.int32)}
    found = fault_of(row, (4, 10))
    assert (fault in found) if fault else not found
