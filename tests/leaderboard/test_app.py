import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from leaderboard.app import create_app
from leaderboard.board import Board
from leaderboard.routes import uploads

URL = "/api/v1/uploads"
NOWHERE = f"{URL}/0123456789ab"


def guarded(answer: Any) -> bool:
    policy = answer.headers.get("content-security-policy", "")
    return (
        "default-src 'self'" in policy
        and "object-src 'none'" in policy
        and "frame-ancestors 'none'" in policy
        and "unsafe-eval" not in policy
        and answer.headers.get("x-content-type-options") == "nosniff"
        and answer.headers.get("referrer-policy") == "same-origin"
    )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/openapi.json", 200),
        ("GET", "/nowhere", 404),
        ("GET", NOWHERE, 401),
        ("POST", URL, 401),
        ("PUT", URL, 405),
        ("GET", "/docs", 404),
    ],
)
def test_headers_of_every_answer(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path, json={} if method != "GET" else None)
    assert answer.status_code in (status, 422)
    assert guarded(answer)


def test_headers_of_an_answer_to_what_went_wrong_here(board: Board, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("a secret path")

    monkeypatch.setattr(uploads.uploads, "find_upload", fail)
    with TestClient(create_app(board), raise_server_exceptions=False) as client:
        answer = client.get(NOWHERE, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert guarded(answer)


def test_too_many_requests(open_board: Callable[..., Board]) -> None:
    with TestClient(create_app(open_board(requests_a_minute=5))) as client:
        answers = [client.get("/openapi.json") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 12
    assert "too many requests" in answers[-1].json()["error"]
    assert guarded(answers[-1])


def test_keys_that_are_made_up_give_no_more(open_board: Callable[..., Board]) -> None:
    with TestClient(create_app(open_board(requests_a_minute=5))) as client:
        statuses = [
            client.get(NOWHERE, headers={"Authorization": f"Bearer imb_{number:012x}_x"}).status_code
            for number in range(8)
        ]
    assert statuses == [401] * 5 + [429] * 3


def test_addresses_are_counted_apart(open_board: Callable[..., Board]) -> None:
    app = create_app(open_board(requests_a_minute=2))
    statuses = []
    for address in ("192.0.2.1", "192.0.2.2"):
        with TestClient(app, client=(address, 1)) as client:
            statuses += [client.get("/openapi.json").status_code for _ in range(3)]
    assert statuses == [200, 200, 429] * 2


def test_refusals_say_why(client: TestClient) -> None:
    answer = client.get(NOWHERE)
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"error"}


def test_two_leaderboards_do_not_share_anything(open_board: Callable[..., Board], key: str, tmp_path: Any) -> None:
    boards = (open_board(), open_board(folder=tmp_path / "other", name="Another"))
    asked = []
    for board in boards:
        with TestClient(create_app(board)) as client:
            asked.append(client.get(NOWHERE, headers={"Authorization": f"Bearer {key}"}).status_code)
            asked.append(client.get("/openapi.json").json()["info"]["title"])
    assert asked == [404, "imedbench leaderboard", 401, "Another"]


def test_memory_does_not_grow_with_requests(open_board: Callable[..., Board]) -> None:
    with TestClient(create_app(open_board(requests_a_minute=10**6))) as client:

        def ask(count: int) -> int:
            for number in range(count):
                headers = {"Authorization": f"Bearer imb_{number:012x}_x"}
                assert client.get(NOWHERE, headers=headers).status_code == 401
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            before = ask(100)
            assert ask(300) < before + 300_000
        finally:
            tracemalloc.stop()
