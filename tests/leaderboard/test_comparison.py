import math
import runpy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imedbench.metrics.bootstrap import Bootstrap
from leaderboard import queries
from leaderboard.board import Board
from leaderboard.comparison import LARGEST, Compared, compare
from leaderboard.details import sessions_of
from leaderboard.submissions import find_submission
from leaderboard.tasks import Task, find_task

FAKES = Path(__file__).resolve().parents[1] / "fakes"
FILL = runpy.run_path(str(FAKES / "leaderboard.py"))["fill"]


@pytest.fixture
def board(made: Any) -> Iterator[Board]:
    opened = made.open()
    yield opened
    opened.database.close()


def both(board: Board, first: str, second: str, hidden: bool = False) -> Compared:
    with board.database.read() as connection:
        pair = (find_submission(connection, first), find_submission(connection, second))
        task = replace(find_task(connection, pair[0].task), hidden=hidden)
        return compare(board, connection, task, pair)


def task_of(board: Board, name: str) -> Task:
    with board.database.read() as connection:
        return find_task(connection, name)


def test_every_score_under_every_arm(made: Any, board: Board) -> None:
    compared = both(board, made.ids["clicks/threshold"], made.ids["clicks/oracle"])
    labels = queries.labels_of(task_of(board, "clicks").protocol)
    assert [line.prompts for line in compared.lines] == ["9 clicks"] * len(labels)
    levels = both(board, made.ids["levels/threshold"], made.ids["levels/oracle"])
    assert [line.prompts for line in levels.lines] == [arm.name for arm in task_of(board, "levels").protocol.arms]


def test_a_difference_is_the_first_less_the_second_by_pairs(made: Any, board: Board) -> None:
    names = (made.ids["clicks/threshold"], made.ids["clicks/oracle"])
    line = both(board, *names).lines[0]
    task = task_of(board, "clicks")
    first, second = (sessions_of(board.settings.checked / name, task) for name in names)
    patients: dict[str, list[float]] = {}
    for one, other in zip(first, second, strict=True):
        patient = f"p{int(one.case.removeprefix('s')) // 2}"
        patients.setdefault(patient, []).append(one.values["dice"] - other.values["dice"])
    sums, counts = (np.array([[of(each)] for each in patients.values()], float) for of in (sum, len))
    mean, low, high = Bootstrap().mean(sums, counts)
    assert line.difference.mean == pytest.approx(mean)
    assert (line.difference.low, line.difference.high) == (pytest.approx(low, abs=1e-5), pytest.approx(high, abs=1e-5))
    assert line.difference.mean == pytest.approx(line.first.mean - line.second.mean)
    assert line.winner == 1


def test_the_other_way_round_signs_change(made: Any, board: Board) -> None:
    names = (made.ids["clicks/threshold"], made.ids["clicks/oracle"])
    for line, turned in zip(both(board, *names).lines, both(board, *reversed(names)).lines, strict=True):
        assert turned.first == line.second
        assert turned.difference.mean == pytest.approx(-line.difference.mean)
        ends = (turned.difference.low, turned.difference.high)
        assert ends == (pytest.approx(-line.difference.high), pytest.approx(-line.difference.low))
        assert turned.winner == {-1: -1, 0: 1, 1: 0}[line.winner]


def test_with_itself_there_is_no_difference(made: Any, board: Board) -> None:
    compared = both(board, made.ids["clicks/threshold"], made.ids["clicks/threshold"])
    assert {(line.difference.mean, line.winner) for line in compared.lines} == {(0.0, -1)}
    assert compared.largest == ()


def test_where_they_differ_most(made: Any, board: Board) -> None:
    names = (made.ids["clicks/threshold"], made.ids["clicks/oracle"])
    task = task_of(board, "clicks")
    first, second = ({each.key: each for each in sessions_of(board.settings.checked / name, task)} for name in names)
    largest = both(board, *names).largest
    apart = [mine - theirs for _, mine, theirs in largest]
    assert apart == sorted(apart, reverse=True)
    assert 0 not in apart
    assert len({session.key for session, _, _ in largest}) == len(largest) <= 2 * LARGEST
    for session, mine, theirs in largest:
        assert mine == first[session.key].values["dice"]
        assert theirs == second[session.key].values["dice"]
    told = {session.key for session, _, _ in largest}
    left = [each.values["dice"] - second[key].values["dice"] for key, each in first.items() if key not in told]
    assert max(map(abs, left), default=0) <= max(map(abs, apart))


def test_sessions_that_failed_or_are_not_defined_are_not_told(made: Any, board: Board) -> None:
    names = (made.ids["levels/threshold"], made.ids["levels/oracle"])
    before = both(board, *names).largest
    path = board.settings.checked / names[0] / "scores.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[0]["failed"], rows[1]["value"] = True, math.nan
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path)
    gone = {(row["case"], row["target"], row["instance"], row["prompts"]) for row in rows[:2]}
    after = both(board, *names).largest
    assert before
    assert not gone & {session.key for session, _, _ in after}


def test_of_one_patient_no_winner_is_known(made: Any, board: Board) -> None:
    from leaderboard.database import means

    with board.database.write() as connection:
        connection.execute(means.update().values(low=None, high=None))
    for line in both(board, made.ids["clicks/threshold"], made.ids["clicks/oracle"]).lines:
        assert math.isnan(line.difference.low)
        assert math.isfinite(line.difference.mean)
        assert line.winner == -1


def test_of_hidden_truth_no_session_is_told(made: Any, board: Board) -> None:
    compared = both(board, made.ids["clicks/threshold"], made.ids["clicks/oracle"], hidden=True)
    assert compared.largest == ()
    assert compared.lines


def test_what_was_not_checked_has_nothing_in_common(made: Any, board: Board) -> None:
    from leaderboard.database import draws, means

    mine = made.ids["clicks/threshold"]
    with board.database.write() as connection:
        for table in (means, draws):
            connection.execute(table.delete().where(table.c.submission_id == mine))
    assert both(board, mine, made.ids["clicks/oracle"]).lines == ()


def test_many_are_compared_with_their_own_draws(made: Any, board: Board) -> None:
    mine = made.ids["clicks/threshold"]
    for other in FILL(board, mine, 3):
        line = both(board, mine, other).lines[0]
        # They were made by adding one number everywhere.
        assert line.difference.low == pytest.approx(line.difference.mean, abs=1e-5)
        assert line.difference.high == pytest.approx(line.difference.mean, abs=1e-5)
        assert line.winner == (0 if line.difference.mean > 0 else 1)
