import math
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imedbench.evaluate.results import Results
from leaderboard.board import Board
from leaderboard.details import sessions_of
from leaderboard.tasks import Task, find_task


@pytest.fixture
def board(made: Any) -> Iterator[Board]:
    opened = made.open()
    yield opened
    opened.database.close()


def task_of(board: Board, name: str) -> Task:
    with board.database.read() as connection:
        return find_task(connection, name)


@pytest.mark.parametrize("name", ["clicks", "levels"])
def test_each_session_at_its_end(made: Any, board: Board, name: str) -> None:
    task = task_of(board, name)
    found = sessions_of(board.settings.checked / made.ids[f"{name}/threshold"], task)
    rows = Results.open(made.runs[f"{name}/threshold"]).scores.to_pylist()
    keys = ("case", "target", "instance", "prompts")
    last: dict[tuple[Any, ...], float] = {}
    turns: dict[tuple[Any, ...], int] = {}
    for row in rows:
        if row["metric"] == "dice":
            key = tuple(row[part] for part in keys)
            if row["turn"] >= turns.get(key, 0):
                turns[key], last[key] = row["turn"], row["value"]
    assert [each.key for each in found] == list(last)
    for each in found:
        assert each.values["dice"] == pytest.approx(last[each.key])
        assert each.turns == turns[each.key]
        assert set(each.values) == {spec.label for spec in task.protocol.metrics}
        assert not each.failed
        assert each.modality in ("ct", "mr")


def test_of_a_hidden_task_nothing_is_told(made: Any, board: Board) -> None:
    folder = board.settings.checked / made.ids["clicks/threshold"]
    assert sessions_of(folder, task_of(board, "clicks"))
    assert sessions_of(folder, replace(task_of(board, "clicks"), hidden=True)) == ()


def test_of_what_is_not_checked_nothing_is_told(board: Board, tmp_path: Path) -> None:
    assert sessions_of(tmp_path / "none", task_of(board, "clicks")) == ()


def test_sessions_that_failed_or_are_not_defined(made: Any, board: Board, tmp_path: Path) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(board.settings.checked / made.ids["levels/threshold"], folder)
    table = pq.read_table(folder / "scores.parquet")
    rows = table.to_pylist()
    rows[0]["failed"], rows[1]["value"] = True, math.nan
    pq.write_table(pa.Table.from_pylist(rows, table.schema), folder / "scores.parquet")
    found = {each.key: each for each in sessions_of(folder, task_of(board, "levels"))}
    first, second = (found[row["case"], row["target"], row["instance"], row["prompts"]] for row in rows[:2])
    assert first.failed
    assert math.isnan(second.values["dice"])
    assert not second.failed


def test_a_check_that_was_made_again_is_read_again(made: Any, board: Board) -> None:
    folder = board.settings.checked / made.ids["levels/threshold"]
    task, path = task_of(board, "levels"), folder / "scores.parquet"
    before = sessions_of(folder, task)
    table = pq.read_table(path)
    rows = [row | {"value": 0.25} for row in table.to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path)
    os.utime(path, ns=(1, 1))
    after = sessions_of(folder, task)
    assert [each.key for each in after] == [each.key for each in before]
    assert {each.values["dice"] for each in after} == {0.25}
