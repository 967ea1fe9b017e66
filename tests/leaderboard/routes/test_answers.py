from typing import Any

import pytest
from fastapi.testclient import TestClient

from leaderboard import pages
from leaderboard.board import Board
from leaderboard.routes.answers import as_json
from leaderboard.teams import add_team

PATHS = ("/", "/tasks/clicks/index.html", "/api/v1/index.json", "/api/v1/tasks/levels/index.json")


@pytest.mark.parametrize("path", PATHS)
def test_what_a_browser_has_is_not_sent_again(asking: TestClient, two: Board, path: str) -> None:
    first = asking.get(path)
    tag = first.headers["etag"]
    assert tag.startswith('"') and tag.endswith('"')
    again = asking.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert asking.get(path, headers={"If-None-Match": '"other"'}).content == first.content
    with two.database.write() as connection:
        add_team(connection, "New")
    changed = asking.get(path, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


def test_a_page_that_there_is_not_is_never_unchanged(asking: TestClient) -> None:
    tag = asking.get("/").headers["etag"]
    for path in ("/tasks/none/index.html", "/submissions/0123456789ab.html", "/api/v1/submissions/0123456789ab.json"):
        assert asking.get(path, headers={"If-None-Match": tag}).status_code == 404


def test_a_page_is_made_once_until_something_changes(
    asking: TestClient, two: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, made = pages.overview_page, []

    def overview_page(*args: Any) -> str:
        made.append(args)
        return real(*args)

    monkeypatch.setattr(pages, "overview_page", overview_page)
    texts = {asking.get("/").text for _ in range(3)}
    assert (len(texts), len(made)) == (1, 1)
    with two.database.write() as connection:
        add_team(connection, "New")
    for _ in range(3):
        asking.get("/")
    assert len(made) == 2


def test_errors_are_not_kept(asking: TestClient, made: Any) -> None:
    for _ in range(2):
        answer = asking.get("/submissions/0123456789ab.html")
        assert answer.status_code == 404
        assert "etag" not in answer.headers


def test_kinds_and_keeping(asking: TestClient) -> None:
    page, json = asking.get("/"), asking.get("/api/v1/index.json")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert json.headers["content-type"] == "application/json"
    assert page.headers["cache-control"] == json.headers["cache-control"] == "no-cache"


def test_json_has_no_nan_and_keeps_letters() -> None:
    assert as_json({"a": "é"}) == '{"a": "é"}'
    with pytest.raises(ValueError, match="JSON"):
        as_json({"a": float("nan")})


def test_what_was_made_is_answered_before_any_route_is_asked(
    asking: TestClient, two: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no longer when anything has changed."""
    first = asking.get("/")
    monkeypatch.setattr(pages, "overview_page", lambda *_: "made anew")
    monkeypatch.setattr("leaderboard.queries.revision", lambda _: pytest.fail("a route was asked"))
    again = asking.get("/")
    assert (again.text, again.headers["etag"]) == (first.text, first.headers["etag"])
    assert again.headers["content-type"] == first.headers["content-type"]
    assert asking.head("/").content == b""
    assert asking.get("/", headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    monkeypatch.undo()
    monkeypatch.setattr(pages, "overview_page", lambda *_: "made anew")
    with two.database.write() as connection:
        add_team(connection, "New")
    assert asking.get("/").text == "made anew"
