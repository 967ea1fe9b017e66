import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imedbench.errors import ImedbenchError
from imedbench.evaluate.data import Subset, digest_of
from imedbench.evaluate.protocol import load_protocol
from imedbench.prompts.sets import load_set
from imedbench.store import Store
from leaderboard.audit import entries
from leaderboard.board import Board
from leaderboard.tasks import NewTask, Task, add_task, close_task, find_task, list_tasks
from leaderboard.teams import Refused


@pytest.fixture
def new(store: Store) -> NewTask:
    return NewTask("ellipses", "Ellipses", store.path, "clicks-9", "noisy", Subset(split="all", limit=3), "Four each.")


def add(board: Board, new: NewTask) -> Task:
    with board.database.write() as connection:
        return add_task(connection, new, "someone")


def test_a_task_is_found_as_it_was_added(any_board: Board, new: NewTask, store: Store) -> None:
    task = add(any_board, new)
    with any_board.database.read() as connection:
        assert find_task(connection, "ellipses") == task
        (entry,) = entries(connection)
    assert (task.id, task.title, task.summary) == ("ellipses", "Ellipses", "Four each.")
    assert (task.hidden, task.closed, task.store) == (False, False, store.path.resolve())
    assert (task.protocol, task.prompts) == (load_protocol("clicks-9"), load_set("noisy"))
    assert (entry.actor, entry.action, entry.subject) == ("someone", "task added", "ellipses")
    assert entry.detail["data_digest"] == task.asked.data_digest


def test_what_it_asks_for_is_written_down(board: Board, new: NewTask, store: Store) -> None:
    asked = add(board, new).asked
    assert asked.protocol_digest == load_protocol("clicks-9").digest()
    assert asked.prompts_digest == load_set("noisy").digest()
    assert asked.data_digest == digest_of(store)
    assert (asked.split, asked.targets, asked.limit, asked.dimension) == ("all", (), 3, 2)


def test_what_there_is_to_say_of_its_data(board: Board, new: NewTask, store: Store) -> None:
    facts = add(board, new).facts
    assert facts == {
        "name": "ellipses",
        "cases": 3,
        "targets": 12,
        "patients": 3,
        "modalities": ["ct", "mr"],
        "names": ["kidney", "liver", "spleen", "tumor"],
    }
    every = add(board, replace(new, id="every", subset=Subset(split="all"))).facts
    assert (every["cases"], every["targets"], every["patients"]) == (len(store), len(store.masks), 3)


def test_of_some_targets_only(board: Board, new: NewTask) -> None:
    task = add(board, replace(new, subset=Subset(split="all", targets=("tumor",))))
    assert (task.facts["targets"], task.facts["names"]) == (6, ["tumor"])
    assert task.asked.targets == ("tumor",)


def test_it_asks_the_same_after_its_protocol_was_edited(board: Board, new: NewTask, tmp_path: Path) -> None:
    import yaml

    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(load_protocol("clicks-9").model_dump(mode="json")))
    task = add(board, replace(new, protocol=str(path)))
    path.write_text("gone")
    with board.database.read() as connection:
        assert find_task(connection, "ellipses") == task
    assert task.protocol.digest() == task.asked.protocol_digest


@pytest.mark.parametrize("name", ["", "Abc", "a b", "a--b", "-a", "a-", "a/b", "..", "ä", "a\n", "a" * 33, "a_b"])
def test_names_that_cannot_be_addresses(board: Board, new: NewTask, name: str) -> None:
    with pytest.raises(Refused, match="cannot be an address"):
        add(board, replace(new, id=name))


@pytest.mark.parametrize(
    ("field", "text"),
    [("title", "a\nb"), ("title", "a\u202eb"), ("summary", "a\x00b"), ("summary", "a\u200bb"), ("title", "x" * 101)],
)
def test_texts_that_play_tricks(any_board: Board, new: NewTask, field: str, text: str) -> None:
    with pytest.raises(ImedbenchError, match=field):
        add(any_board, replace(new, **{field: text}))


def test_a_summary_may_have_lines(board: Board, new: NewTask) -> None:
    assert add(board, replace(new, summary="a\n\nb")).summary == "a\n\nb"


def test_a_name_that_is_taken(board: Board, new: NewTask) -> None:
    add(board, new)
    with pytest.raises(Refused, match="'ellipses'") as problem:
        add(board, replace(new, title="Others"))
    assert problem.value.status == 409


@pytest.mark.parametrize(
    "change", [{"store": Path("/nowhere")}, {"protocol": "none-such"}, {"prompts": "none-such"}], ids=str
)
def test_what_is_not_there(board: Board, new: NewTask, change: dict[str, Any]) -> None:
    with pytest.raises(ImedbenchError):
        add(board, replace(new, **change))
    with board.database.read() as connection:
        assert list_tasks(connection) == []
        assert list(entries(connection)) == []


@pytest.mark.parametrize("name", ["none", "<b>", "a\x00", "\ud800", "x" * 1000])
def test_a_task_that_there_is_not(any_board: Board, name: str) -> None:
    with any_board.database.read() as connection, pytest.raises(Refused, match="there is no task") as problem:
        find_task(connection, name)
    assert problem.value.status == 404
    assert len(str(problem.value)) < 400


def test_all_are_listed_the_oldest_first(board: Board, new: NewTask) -> None:
    for name in ("b", "c", "a"):
        add(board, replace(new, id=name))
    with board.database.read() as connection:
        assert [task.id for task in list_tasks(connection)] == ["b", "c", "a"]


def test_closing_and_opening(board: Board, new: NewTask) -> None:
    task = add(board, new)
    states = []
    for closed in (True, False):
        with board.database.write() as connection:
            close_task(connection, task, closed=closed, actor="someone")
            states.append(find_task(connection, task.id).closed)
    with board.database.read() as connection:
        told = [(each.actor, each.action, each.subject) for each in entries(connection)][1:]
    assert states == [True, False]
    assert told == [("someone", "task closed", "ellipses"), ("someone", "task opened", "ellipses")]


def test_a_store_that_is_told_from_here(
    board: Board, new: NewTask, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy: Callable[..., Any] = shutil.copytree
    copy(store.path, tmp_path / "copy")
    monkeypatch.chdir(tmp_path)
    assert add(board, replace(new, store=Path("copy"))).store == tmp_path / "copy"


def test_nothing_is_hidden_by_a_protocol_that_shows_it(board: Board, new: NewTask) -> None:
    """One of the ways of prompting in `single` is a mask made of the truth."""
    with pytest.raises(Refused, match="masks made of the truth"):
        add(board, replace(new, protocol="single", hidden=True))
    assert add(board, replace(new, protocol="single")).hidden is False
    assert add(board, replace(new, id="secret", hidden=True)).hidden is True
