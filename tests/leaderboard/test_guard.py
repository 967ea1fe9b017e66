import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from leaderboard import guard
from leaderboard.app import create_app
from leaderboard.board import Board
from leaderboard.guard import FORM, HEADERS

URL = "/api/v1/uploads"


def ask(board: Board, method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], int]:
    """The status, the headers, and how many parts of the body were read; the body has no end."""
    read, told = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": bytes(1000), "more_body": read < 1000}

    async def send(message: dict[str, Any]) -> None:
        told.append(message)

    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path}
    scope |= {"raw_path": path.encode(), "root_path": "", "scheme": "http", "query_string": b""}
    scope |= {"headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()]}
    scope |= {"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}
    asyncio.run(create_app(board)(scope, receive, send))
    start = next(message for message in told if message["type"] == "http.response.start")
    return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, read


def guarded(headers: Any) -> bool:
    return all(headers.get(name.lower()) == value for name, value in HEADERS.items())


@pytest.mark.parametrize("path", [URL, "/submit", "/nowhere", f"{URL}/0123456789ab/complete"])
@pytest.mark.parametrize("length", [10**9, 10**15])
def test_a_body_that_is_too_large_is_not_read(open_board: Callable[..., Board], path: str, length: int) -> None:
    board = open_board(largest_bundle=10**6, largest_chunk=10**5)
    headers = {"Content-Length": str(length), "Content-Type": "application/json"}
    status, told, read = ask(board, "POST", path, headers)
    assert (status, read) == (413, 0)
    assert guarded(told)


def test_a_bundle_may_be_larger_than_a_part(open_board: Callable[..., Board]) -> None:
    board = open_board(largest_bundle=10**6, largest_chunk=10**5)
    for path, most in (("/submit", 10**6 + FORM), (URL, 10**5)):
        for length, refused in ((most, False), (most + 1, True)):
            headers = {"Content-Length": str(length), "Content-Type": "application/json"}
            assert (ask(board, "POST", path, headers)[0] == 413) == refused


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "-1"}, {"Content-Length": "many"}, {"Content-Length": ""}])
@pytest.mark.parametrize("path", [URL, "/submit", "/nowhere"])
def test_a_body_of_unknown_length_is_not_read(board: Board, path: str, headers: dict[str, str]) -> None:
    status, told, read = ask(board, "POST", path, headers | {"Transfer-Encoding": "chunked"})
    assert (status in (411, 413), read) == (True, 0)
    assert guarded(told)


def test_the_words_say_what_to_do(open_board: Callable[..., Board]) -> None:
    with TestClient(create_app(open_board(largest_chunk=1000))) as client:
        assert "at most 1,000 bytes" in client.post(URL, content=bytes(1001)).json()["error"]
        assert "Content-Length" in client.post(URL, content=iter([b"x"])).json()["error"]


@pytest.mark.parametrize("path", ["/", URL, "/nowhere"])
def test_too_many_requests_are_told_when_to_come_again(open_board: Callable[..., Board], path: str) -> None:
    with TestClient(create_app(open_board(requests_a_minute=3))) as client:
        statuses = [client.get(path).status_code for _ in range(3)]
        answer = client.get(path)
    assert 429 not in statuses
    assert answer.status_code == 429
    # Three a minute: the next may come after 20 seconds.
    assert 1 <= int(answer.headers["retry-after"]) <= 20
    assert guarded(answer.headers)


def test_after_that_time_the_next_is_answered(
    open_board: Callable[..., Board], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("leaderboard.limits.time.monotonic", lambda: now)
    with TestClient(create_app(open_board(requests_a_minute=3))) as client:
        statuses = [client.get("/nowhere").status_code for _ in range(4)]
        now += 21
        statuses += [client.get("/nowhere").status_code for _ in range(2)]
    assert statuses == [404, 404, 404, 429, 404, 429]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/static/board.css", 200),
        ("GET", "/nowhere", 404),
        ("GET", "/tasks/none/index.html", 404),
        ("GET", "/submissions/x.html", 404),
        ("GET", f"{URL}/0123456789ab", 401),
        ("DELETE", "/", 405),
        ("POST", URL, 401),
        ("POST", "/submit", 422),
    ],
)
def test_headers_stand_on_every_answer(board: Board, method: str, path: str, status: int) -> None:
    with TestClient(create_app(board)) as client:
        answer = client.request(method, path, json={} if method == "POST" else None)
    assert answer.status_code == status
    assert guarded(answer.headers)


def test_headers_stand_on_what_went_wrong_here(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("/a/secret/path")

    monkeypatch.setattr("leaderboard.pages.overview_page", fail)
    with TestClient(create_app(board), raise_server_exceptions=False) as client:
        answer = client.get("/")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert guarded(answer.headers)


def test_pages_may_run_no_script_and_be_framed_by_nobody() -> None:
    policy = dict(part.strip().partition(" ")[::2] for part in HEADERS["Content-Security-Policy"].split(";"))
    assert policy["script-src"] in ("'none'", "'self'")
    assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["default-src"] == policy["form-action"] == "'self'"
    assert "http" not in HEADERS["Content-Security-Policy"]


def test_who_asks_is_the_address(board: Board) -> None:
    seen = []

    def asker(request: Any) -> str:
        seen.append(guard_asker(request))
        return seen[-1]

    guard_asker = guard.asker
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guard, "asker", asker)
        with TestClient(create_app(board), client=("192.0.2.7", 1)) as client:
            client.get("/nowhere", headers={"X-Forwarded-For": "198.51.100.1", "Authorization": "Bearer imb_0_0"})
    assert seen == ["192.0.2.7"]
