from typing import Any

import pytest
from fastapi.testclient import TestClient

from leaderboard.board import Board
from leaderboard.submissions import find_submission
from leaderboard.teams import add_team, issue_key


def take_back(client: TestClient, identity: str, key: str, **why: Any) -> Any:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return client.post(f"/api/v1/submissions/{identity}/withdraw", json=why, headers=headers)


def state(board: Board, identity: str) -> tuple[str, str]:
    with board.database.read() as connection:
        found = find_submission(connection, identity)
        return found.state, found.reason


def test_every_document_has_its_address(asking: TestClient, made: Any) -> None:
    mine, other = made.ids["clicks/threshold"], made.ids["clicks/oracle"]
    index = asking.get("/api/v1/index.json").json()
    assert [task["id"] for task in index["tasks"]] == ["clicks", "levels"]
    table = asking.get("/api/v1/tasks/clicks/index.json").json()["table"]
    assert [row["submission"] for row in table["rows"]] == [mine, other]
    assert asking.get(f"/api/v1/submissions/{mine}.json").json()["about"]["name"] == "threshold"
    pair = asking.get(f"/api/v1/compare/{mine}-{other}.json").json()
    assert (pair["first"], pair["second"], len(pair["scores"])) == (mine, other, 5)
    assert pair["scores"][0]["difference"]["mean"] < 0


@pytest.mark.parametrize("name", ["index", "submission", "table"])
def test_what_a_program_has_is_not_sent_again(asking: TestClient, made: Any, name: str) -> None:
    mine = made.ids["clicks/threshold"]
    path = {"index": "index", "submission": f"submissions/{mine}", "table": "tasks/clicks/index"}[name]
    tag = asking.get(f"/api/v1/{path}.json").headers["etag"]
    assert asking.get(f"/api/v1/{path}.json", headers={"If-None-Match": tag}).status_code == 304
    take_back(asking, mine, made.key)
    assert asking.get(f"/api/v1/{path}.json", headers={"If-None-Match": tag}).status_code == 200


def test_a_team_takes_its_own_back(asking: TestClient, two: Board, made: Any) -> None:
    mine = made.ids["clicks/threshold"]
    assert mine in asking.get("/tasks/clicks/index.html").text
    answer = take_back(asking, mine, made.key, reason="a mistake")
    assert (answer.status_code, answer.json()) == (200, {"submission": mine, "state": "withdrawn"})
    assert state(two, mine) == ("withdrawn", "a mistake")
    assert mine not in asking.get("/tasks/clicks/index.html").text
    assert asking.get(f"/submissions/{mine}.html").status_code == 200
    again = take_back(asking, mine, made.key)
    assert (again.status_code, "already" in again.json()["error"]) == (409, True)
    assert state(two, mine) == ("withdrawn", "a mistake")


def test_nobody_else_takes_it_back(asking: TestClient, two: Board, made: Any) -> None:
    mine = made.ids["clicks/threshold"]
    with two.database.write() as connection:
        theirs = issue_key(connection, add_team(connection, "Theirs"))
    assert take_back(asking, mine, theirs).status_code == 403
    assert take_back(asking, mine, "").status_code == 401
    assert take_back(asking, mine, made.key[:-1]).status_code == 401
    assert take_back(asking, "0123456789ab", made.key).status_code == 404
    assert state(two, mine)[0] == "verified"


@pytest.mark.parametrize(
    "why", [{"reason": "x" * 301}, {"reason": 3}, {"more": 1}, {"reason": "a\u202eb"}, {"reason": "a\nb"}], ids=str
)
def test_reasons_that_are_none(asking: TestClient, two: Board, made: Any, why: dict[str, Any]) -> None:
    mine = made.ids["clicks/threshold"]
    assert take_back(asking, mine, made.key, **why).status_code == 422
    assert state(two, mine)[0] == "verified"


@pytest.mark.parametrize("path", ["tasks/none/index", "tasks/clicks/none", "submissions/0123456789ab"])
def test_documents_that_there_are_not(asking: TestClient, path: str) -> None:
    answer = asking.get(f"/api/v1/{path}.json")
    assert (answer.status_code, set(answer.json())) == (404, {"error"})
