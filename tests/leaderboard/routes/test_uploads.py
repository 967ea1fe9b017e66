import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from leaderboard import submissions as accepting
from leaderboard.app import create_app
from leaderboard.board import Board
from leaderboard.submissions import find_submission, list_submissions
from leaderboard.tasks import Task, close_task
from leaderboard.teams import Team, add_team, issue_key

BYTES = "application/octet-stream"
URL = "/api/v1/uploads"


class Sender:
    """Sends bundles as a team."""

    def __init__(self, client: TestClient, key: str) -> None:
        self.client, self.headers = client, {"Authorization": f"Bearer {key}"}

    def begin(self, content: bytes, **changes: Any) -> Any:
        told = {"task": "ellipses", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        return self.client.post(URL, json=told | changes, headers=self.headers)

    def append(self, upload: str, offset: Any, content: bytes, kind: str = BYTES) -> Any:
        headers = self.headers | {"Upload-Offset": str(offset), "Content-Type": kind}
        return self.client.patch(f"{URL}/{upload}", content=content, headers=headers)

    def complete(self, upload: str) -> Any:
        return self.client.post(f"{URL}/{upload}/complete", headers=self.headers)

    def get(self, upload: str) -> Any:
        return self.client.get(f"{URL}/{upload}", headers=self.headers)

    def send(self, content: bytes) -> Any:
        upload = self.begin(content).json()["id"]
        assert self.append(upload, 0, content).status_code == 200
        return self.complete(upload)


@pytest.fixture
def sender(client: TestClient, key: str, task: Task) -> Sender:
    return Sender(client, key)


@pytest.fixture
def other(client: TestClient, board: Board) -> Sender:
    """Another team's."""
    with board.database.write() as connection:
        return Sender(client, issue_key(connection, add_team(connection, "Theirs")))


@pytest.fixture
def content(packed: Path) -> bytes:
    return packed.read_bytes()


def nothing_came_in(board: Board) -> bool:
    with board.database.read() as connection:
        return not (
            list_submissions(connection)
            or list(connection.execute(sa.text("SELECT id FROM uploads")))
            or list(board.settings.uploads.iterdir())
            or list(board.settings.bundles.iterdir())
        )


@pytest.mark.parametrize("cut", [1, 4096, 25_000])
def test_a_bundle_arrives_although_it_was_interrupted(
    sender: Sender, board: Board, team: Team, content: bytes, cut: int
) -> None:
    begun = sender.begin(content)
    assert begun.status_code == 201
    upload = begun.json()["id"]
    assert begun.json() == {"id": upload, "offset": 0, "bytes": len(content), "chunk": 8 * 2**20}
    assert sender.append(upload, 0, content[:cut]).json()["offset"] == cut
    found = sender.begin(content).json()
    assert (found["id"], found["offset"]) == (upload, cut)
    assert sender.get(upload).json() == found
    assert sender.append(upload, cut, content[cut:]).json()["offset"] == len(content)
    done = sender.complete(upload)
    assert done.status_code == 200
    with board.database.read() as connection:
        found = find_submission(connection, done.json()["submission"])
    assert (found.team, found.bytes, found.state) == (team, len(content), "waiting")
    assert list(board.settings.uploads.iterdir()) == []


def test_completing_again_names_the_same(sender: Sender, content: bytes) -> None:
    first = sender.send(content).json()
    upload = sender.begin(content).json()
    assert upload["offset"] == upload["bytes"]
    assert sender.complete(upload["id"]).json() == first
    assert sender.complete(upload["id"]).json() == first


def test_the_same_part_twice(sender: Sender, content: bytes) -> None:
    upload = sender.begin(content).json()["id"]
    sender.append(upload, 0, content[:1000])
    answer = sender.append(upload, 0, content[:1000])
    assert answer.status_code == 409
    assert "go on from 1000" in answer.json()["error"]
    assert sender.get(upload).json()["offset"] == 1000


def test_more_than_was_announced(sender: Sender, content: bytes) -> None:
    upload = sender.begin(content).json()["id"]
    assert sender.append(upload, 0, content + b"x").status_code == 409
    assert sender.get(upload).json()["offset"] == 0


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data", ""])
def test_another_type(sender: Sender, content: bytes, kind: str) -> None:
    upload = sender.begin(content).json()["id"]
    assert sender.append(upload, 0, content, kind).status_code == 415
    assert sender.get(upload).json()["offset"] == 0


@pytest.mark.parametrize("offset", ["-1", "one", "1.5", "", str(2**40 + 1)])
def test_offsets_that_are_none(sender: Sender, content: bytes, offset: str) -> None:
    assert sender.append(sender.begin(content).json()["id"], offset, content).status_code == 422


def test_a_part_that_is_too_large(open_board: Callable[..., Board], key: str, task: Task, content: bytes) -> None:
    with TestClient(create_app(open_board(largest_chunk=1000))) as client:
        sender = Sender(client, key)
        upload = sender.begin(content).json()["id"]
        answer = sender.append(upload, 0, content[:1001])
        assert answer.status_code == 413
        assert "1,000 bytes" in answer.json()["error"]
        assert sender.append(upload, 0, content[:1000]).json()["offset"] == 1000


def stream(board: Board, method: str, path: str, headers: dict[str, str]) -> tuple[int, int]:
    """Sends up to 400 blocks of 64 KiB without saying how many; the status, and how many were taken."""
    taken, statuses = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": bytes(2**16), "more_body": taken < 400}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    told = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path}
    scope |= {"raw_path": path.encode(), "root_path": "", "scheme": "http", "query_string": b"", "headers": told}
    scope |= {"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}
    asyncio.run(create_app(board)(scope, receive, send))
    return statuses[0], taken


def test_of_a_body_without_end_no_more_is_held_than_a_part(
    open_board: Callable[..., Board], sender: Sender, content: bytes
) -> None:
    board = open_board(largest_chunk=2**18)
    path = f"{URL}/{sender.begin(content).json()['id']}"
    status, taken = stream(board, "PATCH", path, sender.headers | {"Content-Type": BYTES, "Upload-Offset": "0"})
    assert status == 413
    assert taken <= 8


@pytest.mark.parametrize(
    ("length", "refused"),
    [({"Transfer-Encoding": "chunked"}, 411), ({"Content-Length": str(400 * 2**16)}, 413)],
    ids=str,
)
def test_an_announcement_without_end_is_not_held(
    open_board: Callable[..., Board], length: dict[str, str], refused: int
) -> None:
    """Whoever sends it, before anybody has looked at a key."""
    headers = {"Content-Type": "application/json"} | length
    status, taken = stream(open_board(largest_chunk=2**18), "POST", URL, headers)
    assert status == refused
    assert taken <= 8


def test_what_is_not_what_was_announced(sender: Sender, board: Board, content: bytes) -> None:
    upload = sender.begin(content, sha256="0" * 64).json()["id"]
    sender.append(upload, 0, content)
    answer = sender.complete(upload)
    assert answer.status_code == 422
    assert "not what was announced" in answer.json()["error"]
    assert nothing_came_in(board)
    assert sender.get(upload).status_code == 404


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"hello", "is no bundle"), (b"PK\x03\x04" + bytes(500), "damaged"), (b"PK\x05\x06" + bytes(18), "is no bundle")],
)
def test_what_is_no_bundle(sender: Sender, board: Board, content: bytes, reason: str) -> None:
    answer = sender.send(content)
    assert answer.status_code == 422
    assert reason in answer.json()["error"]
    assert nothing_came_in(board)


def test_a_refusal_tells_nothing_of_this_machine(sender: Sender, board: Board) -> None:
    assert str(board.settings.folder) not in sender.send(b"PK\x03\x04" + bytes(500)).text


def test_what_was_submitted_before(sender: Sender, other: Sender, content: bytes) -> None:
    identity = sender.send(content).json()["submission"]
    answer = other.begin(content)
    assert answer.status_code == 409
    assert identity in answer.json()["error"]


def test_two_teams_send_the_same(sender: Sender, other: Sender, board: Board, content: bytes) -> None:
    late = other.begin(content).json()["id"]
    other.append(late, 0, content)
    identity = sender.send(content).json()["submission"]
    answer = other.complete(late)
    assert (answer.status_code, identity in answer.json()["error"]) == (409, True)
    assert list(board.settings.uploads.iterdir()) == []


def test_another_teams_upload(sender: Sender, other: Sender, content: bytes) -> None:
    upload = sender.begin(content).json()["id"]
    deleted = other.client.delete(f"{URL}/{upload}", headers=other.headers)
    asked = [other.get(upload), other.append(upload, 0, b"x"), other.complete(upload), deleted]
    assert [answer.status_code for answer in asked] == [404] * 4
    assert sender.get(upload).json()["offset"] == 0


def test_without_a_key(sender: Sender, content: bytes) -> None:
    upload = sender.begin(content).json()["id"]
    for headers in ({}, {"Authorization": "Bearer imb_0_0"}):
        sender.headers = headers
        deleted = sender.client.delete(f"{URL}/{upload}", headers=headers)
        asked = [sender.begin(content), sender.get(upload), sender.append(upload, 0, b"x"), sender.complete(upload)]
        assert [answer.status_code for answer in [*asked, deleted]] == [401] * 5


def test_a_task_that_is_closed(sender: Sender, board: Board, task: Task, content: bytes) -> None:
    with board.database.write() as connection:
        close_task(connection, task, closed=True)
    answer = sender.begin(content)
    assert (answer.status_code, "closed" in answer.json()["error"]) == (409, True)
    assert nothing_came_in(board)


@pytest.mark.parametrize("task", ["none", "<b>", "a\x00b", "../x"])
def test_a_task_that_there_is_not(sender: Sender, content: bytes, task: str) -> None:
    assert sender.begin(content, task=task).status_code == 404


def test_quotas(open_board: Callable[..., Board], key: str, task: Task, content: bytes) -> None:
    with TestClient(create_app(open_board(uploads_open=1, uploads_a_day=1))) as client:
        sender = Sender(client, key)
        waiting = sender.begin(b"a").json()["id"]
        assert sender.begin(b"b").status_code == 429
        assert client.delete(f"{URL}/{waiting}", headers=sender.headers).status_code == 204
        assert sender.get(waiting).status_code == 404
        assert sender.send(content).status_code == 200
        answer = sender.begin(b"b")
        assert (answer.status_code, "in the last day" in answer.json()["error"]) == (429, True)


@pytest.mark.parametrize(
    "change",
    [
        {"bytes": 0},
        {"bytes": -1},
        {"bytes": 2**41},
        {"bytes": "many"},
        {"bytes": 1.5},
        {"bytes": None},
        {"sha256": "0" * 63},
        {"sha256": "G" * 64},
        {"sha256": "0" * 64 + "\n"},
        {"task": ""},
        {"task": "x" * 33},
        {"task": 3},
        {"more": 1},
    ],
    ids=str,
)
def test_announcements_that_are_none(sender: Sender, board: Board, content: bytes, change: dict[str, Any]) -> None:
    assert sender.begin(content, **change).status_code == 422
    assert nothing_came_in(board)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"bytes": Infinity}', '{"bytes": NaN}', '{"task": "\\ud800"}', '{"\\ud800": 1}']
)
def test_announcements_that_are_hardly_json(sender: Sender, text: str) -> None:
    headers = sender.headers | {"Content-Type": "application/json"}
    assert sender.client.post(URL, content=text, headers=headers).status_code == 422


def test_a_bundle_that_is_too_large(sender: Sender, content: bytes) -> None:
    assert sender.begin(content, bytes=4 * 2**30 + 1).status_code == 413


@pytest.mark.parametrize("name", ["x", "0123456789AB", "0123456789ab0", "..%2f..%2fetc", "0123456789ab%0a"])
def test_uploads_of_other_names(sender: Sender, name: str) -> None:
    assert sender.get(name).status_code in (404, 422)


def test_a_crash_on_the_way_in(sender: Sender, board: Board, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError("out of power")

    monkeypatch.setattr(accepting, "enqueue", fail)
    with pytest.raises(OSError, match="out of power"):
        sender.send(content)
    monkeypatch.undo()
    upload = sender.begin(content).json()
    assert upload["offset"] == len(content)
    assert sender.complete(upload["id"]).status_code == 200
    with board.database.read() as connection:
        assert len(list_submissions(connection)) == 1
