from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from leaderboard.app import create_app
from leaderboard.queries import first_view
from leaderboard.routes.named import pair_of, view_of
from leaderboard.teams import Refused


@pytest.fixture
def connection(made: Any) -> Iterator[Any]:
    board = made.open()
    with board.database.read() as reading:
        yield reading
    board.database.close()


def test_a_task_and_a_view(connection: Any) -> None:
    task, view = view_of(connection, "clicks", "index")
    assert (task.id, view) == ("clicks", first_view(task))


@pytest.mark.parametrize(("task", "file"), [("none", "index"), ("clicks", "none"), ("clicks", "index.html")])
def test_what_there_is_not(connection: Any, task: str, file: str) -> None:
    with pytest.raises(Refused) as problem:
        view_of(connection, task, file)
    assert problem.value.status == 404


def test_two_of_one_task(connection: Any, made: Any) -> None:
    first, second = pair_of(connection, made.ids["clicks/oracle"], made.ids["clicks/threshold"])
    assert (first.id, second.id) == (made.ids["clicks/oracle"], made.ids["clicks/threshold"])


@pytest.mark.parametrize("second", ["levels/oracle", ""])
def test_two_that_cannot_be_compared(connection: Any, made: Any, second: str) -> None:
    with pytest.raises(Refused, match=r"different tasks|no such submission") as problem:
        pair_of(connection, made.ids["clicks/oracle"], made.ids.get(second, "0123456789ab"))
    assert problem.value.status == 404


@pytest.mark.parametrize(
    "name", ["0123456789AB", "0123456789abc", "0123456789a", "0123456789ab%0a", "%00", "0123456789a\u0666"]
)
def test_names_of_other_forms_are_nowhere(made: Any, name: str) -> None:
    board = made.open()
    with TestClient(create_app(board)) as client:
        for path in (f"/submissions/{name}.html", f"/compare/{name}-0123456789ab.html", f"/tasks/{name}/index.html"):
            assert client.get(path).status_code == 404
        assert client.get(f"/api/v1/submissions/{name}.json").status_code in (404, 422)
    board.database.close()
