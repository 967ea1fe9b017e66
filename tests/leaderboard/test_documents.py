import json
import math
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from leaderboard import documents, pages, queries
from leaderboard.addresses import Addresses, json_address
from leaderboard.app import create_app
from leaderboard.board import Board
from leaderboard.database import draws, means
from leaderboard.queries import views_of
from leaderboard.submissions import find_submission
from leaderboard.tasks import find_task

FAKES = Path(__file__).resolve().parents[1] / "fakes"
BOARD = runpy.run_path(str(FAKES / "board.py"))
FILL = runpy.run_path(str(FAKES / "leaderboard.py"))["fill"]
Page = runpy.run_path(str(FAKES / "markup.py"))["Page"]


@pytest.fixture
def board(made: Any) -> Iterator[Board]:
    opened = made.open()
    yield opened
    opened.database.close()


@pytest.fixture
def connection(board: Board) -> Iterator[sa.Connection]:
    with board.database.read() as reading:
        yield reading


def strict(value: Any) -> Any:
    """What a strict reader makes of it."""

    def refuse(name: str) -> Any:
        raise ValueError(name)

    return json.loads(json.dumps(value, allow_nan=False), parse_constant=refuse)


def test_all_documents_are_json_and_know_no_nan(made: Any, board: Board, connection: sa.Connection) -> None:
    """Though a task has a modality of one patient, of which no interval is known."""
    index = strict(documents.index_document(connection, "A board"))
    assert (index["name"], [each["id"] for each in index["tasks"]]) == ("A board", ["clicks", "levels"])
    lows = set()
    for name in BOARD["TASKS"]:
        task = find_task(connection, name)
        for view in views_of(task):
            told = strict(documents.view_document(connection, task, view))
            assert told["table"]["view"] == {
                "prompts": view.prompts,
                "metric": view.metric,
                "modality": view.modality,
                "sort": view.sort,
            }
            lows |= {row["score"]["low"] is None for row in told["table"]["rows"]}
    assert lows == {True, False}
    pair = [find_submission(connection, made.ids[f"levels/{model}"]) for model in BOARD["MODELS"]]
    assert len(strict(documents.pair_document(board, connection, (pair[0], pair[1])))["scores"]) == 4
    for identity in made.ids.values():
        told = strict(documents.submission_document(connection, find_submission(connection, identity)))
        assert (told["state"], told["verdict"]["outcome"]) == ("verified", "verified")


def test_what_is_not_defined_is_null(made: Any, board: Board) -> None:
    mine = made.ids["clicks/threshold"]
    with board.database.write() as connection:
        connection.execute(means.update().where(means.c.submission_id == mine).values(mean=None, low=None, high=None))
        connection.execute(draws.delete().where(draws.c.submission_id == mine))
    with board.database.read() as connection:
        task = find_task(connection, "clicks")
        told = strict(documents.view_document(connection, task, queries.first_view(task)))
        rows = {row["submission"]: row for row in told["table"]["rows"]}
        assert rows[mine]["score"]["mean"] is None
        assert rows[mine]["rank"] is None
        strict(documents.submission_document(connection, find_submission(connection, mine)))


def cells(text: str) -> list[list[str]]:
    """Of the page's table of models: the text of each cell."""
    page = Page(text)
    rows = [row for row in page.all("tr") if row.inside("table", **{"class": "board"}) and row.inside("tbody")]
    parts = [each for each in page.all("td", "th") if each.inside("tbody")]
    return [[part.text for part in parts if row in part.parents] for row in rows]


def test_numbers_are_those_of_the_pages(made: Any, board: Board) -> None:
    FILL(board, made.ids["clicks/threshold"], 4)
    with board.database.read() as connection:
        task = find_task(connection, "clicks")
        for view in [view for view in views_of(task) if view.sort in ("rank", "name")]:
            column = queries.column_of(task, view)
            rows = documents.view_document(connection, task, view)["table"]["rows"]
            shown = cells(pages.task_page(board, connection, task, view))
            assert len(rows) == len(shown) == 6
            for row, (place, name, score, *_) in zip(rows, shown, strict=True):
                value, low, high = (row["score"][part] for part in ("mean", "low", "high"))
                assert name.startswith(row["model"])
                assert score.startswith(column.number(value))
                assert column.number(low) in score
                assert column.number(high) in score
                assert place.startswith(str(row["rank"]["place"]) if row["rank"] else "–")
                assert row["sees_truth"] == (row["rank"] is None)


def test_a_table_and_a_submission_tell_the_same(made: Any, board: Board) -> None:
    mine = made.ids["clicks/threshold"]
    with board.database.write() as connection:
        connection.execute(means.update().where(means.c.submission_id == mine).values(undefined=2, failed=1))
    with board.database.read() as connection:
        task = find_task(connection, "clicks")
        submission = documents.submission_document(connection, find_submission(connection, mine))
        known = {
            (each["prompts"], each["metric"], each["modality"], each["turn"]): each for each in submission["means"]
        }
        for view in views_of(task):
            told = documents.view_document(connection, task, view)
            (row,) = [row for row in told["table"]["rows"] if row["submission"] == mine]
            mean = known[view.prompts, view.metric, view.modality, queries.final_turn(task, view)]
            assert row["score"] == {name: mean[name] for name in row["score"]}


def test_addresses_in_documents_are_there(made: Any, board: Board) -> None:
    with TestClient(create_app(board)) as client:
        index = client.get("/api/v1/index.json").json()
        for task in index["tasks"]:
            assert len({view["json"] for view in task["views"]}) == len(task["views"])
            for where in [*(view["json"] for view in task["views"]), *(row["json"] for row in task["table"]["rows"])]:
                assert client.get(f"/{where}").status_code == 200


def test_a_task_says_what_it_asks(made: Any, connection: sa.Connection) -> None:
    task = find_task(connection, "levels")
    told = strict(documents.task_document(task))
    assert told["asked"]["protocol_digest"] == task.protocol.digest()
    assert told["asked"]["targets"] == []
    assert (told["data"]["cases"], told["data"]["targets"]) == (3, 12)
    assert (told["hidden"], told["closed"], told["prompts"]) == (False, False, "perfect")
    assert [view["json"] for view in told["views"]] == list(map(json_address, Addresses(task).views))


def test_what_is_better_is_said(made: Any, connection: sa.Connection) -> None:
    task = find_task(connection, "clicks")
    protocol = task.protocol
    for label in queries.labels_of(protocol):
        table = documents.table_document(queries.table_of(connection, task, queries.View("9 clicks", label)))
        assert table["better"] == "more"
        assert table["metric"]
    pair = [find_submission(connection, made.ids[f"clicks/{model}"]) for model in BOARD["MODELS"]]
    assert not any(math.isnan(each.received) for each in pair)
