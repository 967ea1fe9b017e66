import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imedbench.errors import BadResults, BadStore
from imedbench.evaluate.results import Results
from leaderboard import seed as module
from leaderboard.board import Board
from leaderboard.seed import LONGEST, seed
from leaderboard.submissions import list_submissions
from leaderboard.tasks import NewTask, add_task, close_task, find_task, list_tasks
from leaderboard.teams import find_team
from leaderboard.worker import work

BOARD = runpy.run_path(str(Path(__file__).resolve().parents[1] / "fakes" / "board.py"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return BOARD["made"](tmp_path_factory.getbasetemp())


@pytest.fixture
def two(made: Any, tmp_path: Path) -> Iterator[Board]:
    """With the tasks and the submissions of the runs."""
    opened = made.copy(tmp_path / "two").open()
    yield opened
    opened.database.close()


def told(board: Board) -> tuple[list[str], list[tuple[str, str, str]]]:
    with board.database.read() as connection:
        ids = sorted(task.id for task in list_tasks(connection))
        held = sorted((each.task, each.name, each.team.name) for each in list_submissions(connection))
    return ids, held


def test_tasks_are_made_of_what_was_asked(board: Board, made: Any) -> None:
    found = list(seed(board, list(made.runs.values()), "First"))
    assert [each.results for each in found] == list(made.runs.values())
    assert all(each.submission and not each.told for each in found)
    ids, held = told(board)
    assert ids == ["ellipses-clicks-9-perfect", "ellipses-levels-perfect"]
    names = {each.partition(" ")[0].casefold() for _, each, _ in held}
    assert {task for task, _, _ in held} == set(ids)
    assert len(held) == 4 and names == {"threshold", "oracle"}
    assert {team for _, _, team in held} == {"First"}
    with board.database.read() as connection:
        task, run = find_task(connection, ids[1]), Results.open(made.runs["levels/oracle"]).run
    assert task.asked.protocol_digest == run["protocol_digest"]
    assert (task.asked.split, task.asked.limit) == ("all", 3)
    assert list(board.settings.uploads.iterdir()) == []
    assert work(board.settings, until_empty=True) == 4
    with board.database.read() as connection:
        assert {each.state for each in list_submissions(connection)} == {"verified"}


def test_a_second_time_nothing_comes_in_twice(board: Board, made: Any) -> None:
    runs = list(made.runs.values())
    first = list(seed(board, runs, "First"))
    before = told(board)
    again = list(seed(board, runs, "First"))
    assert told(board) == before
    for one, other in zip(first, again, strict=True):
        assert (other.task, other.submission) == (one.task, "")
        assert one.submission in other.told


def test_tasks_that_are_there_are_found(two: Board, made: Any) -> None:
    found = list(seed(two, list(made.runs.values()), "First"))
    assert [each.task for each in found] == ["clicks", "clicks", "levels", "levels"]
    assert told(two)[0] == ["clicks", "levels"]


def test_a_team_that_is_there_is_taken(two: Board, made: Any) -> None:
    with two.database.read() as connection:
        ours = find_team(connection, "Ours")
    list(seed(two, [made.runs["clicks/oracle"]], "Ours"))
    with two.database.read() as connection:
        assert find_team(connection, "Ours") == ours


def test_a_task_that_is_closed_takes_none(two: Board, made: Any) -> None:
    with two.database.write() as connection:
        close_task(connection, find_task(connection, "clicks"), closed=True)
    (found,) = seed(two, [made.runs["clicks/oracle"]], "First")
    assert (found.task, found.submission) == ("clicks", "")
    assert "closed" in found.told


def test_of_other_questions_another_task_is_made(board: Board, made: Any) -> None:
    with board.database.write() as connection:
        add_task(connection, NewTask("ellipses-clicks-9-perfect", "Taken", made.store, "clicks-9", "noisy"))
    (found,) = seed(board, [made.runs["clicks/oracle"]], "First")
    assert found.task == "ellipses-clicks-9-perfect-2"


@pytest.mark.parametrize("longest", [12, 13, 14, 15, LONGEST])
def test_long_names_are_still_addresses(board: Board, made: Any, monkeypatch: pytest.MonkeyPatch, longest: int) -> None:
    """Wherever they are cut."""
    monkeypatch.setattr(module, "LONGEST", longest)
    with board.database.write() as connection:
        taken = "ellipses-clicks-9-perfect"[:longest].strip("-")
        add_task(connection, NewTask(taken, "Taken", made.store, "clicks-9", "noisy"))
    (found,) = seed(board, [made.runs["clicks/oracle"]], "First")
    assert found.submission
    assert len(found.task) <= longest


def test_data_that_are_gone(board: Board, made: Any, tmp_path: Path) -> None:
    shutil.copytree(made.runs["clicks/oracle"], tmp_path / "elsewhere" / "run")
    with pytest.raises(BadStore, match=r"two-tasks|store|elsewhere"):
        list(seed(board, [tmp_path / "elsewhere" / "run"], "First"))
    assert told(board) == ([], [])


def test_a_folder_without_a_run(board: Board, tmp_path: Path) -> None:
    with pytest.raises(BadResults, match="no results here"):
        list(seed(board, [tmp_path], "First"))
    assert told(board) == ([], [])
