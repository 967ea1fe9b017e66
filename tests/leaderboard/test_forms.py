import io
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from leaderboard.app import create_app
from leaderboard.board import Board
from leaderboard.database import tasks
from leaderboard.forms import receive
from leaderboard.submissions import find_submission, list_submissions
from leaderboard.tasks import Task, close_task
from leaderboard.teams import Refused, Team, bar_team

Page = runpy.run_path(str(Path(__file__).resolve().parents[1] / "fakes" / "markup.py"))["Page"]


def send(client: TestClient, task: str, key: str, content: bytes) -> tuple[int, str]:
    """The status, and where it leads, or what the page says."""
    answer = client.post(
        "/submit", data={"task": task, "key": key}, files={"bundle": ("it.zip", content)}, follow_redirects=False
    )
    if answer.status_code == 303:
        return 303, answer.headers["location"]
    assert answer.headers["content-type"].startswith("text/html")
    page = Page(answer.text)
    assert page.faults == []
    (message,) = [each for each in page.all("p") if each.attributes.get("role") == "alert"]
    return answer.status_code, message.text


def nothing_came_in(board: Board) -> bool:
    with board.database.read() as connection:
        none = not list_submissions(connection)
    return none and not list(board.settings.uploads.iterdir()) and not list(board.settings.bundles.iterdir())


def test_a_bundle_becomes_a_submission(
    client: TestClient, board: Board, team: Team, task: Task, key: str, packed: Path
) -> None:
    status, where = send(client, task.id, f" {key}\n", packed.read_bytes())
    assert status == 303
    assert client.get(f"/{where.removeprefix('/')}").status_code == 200
    with board.database.read() as connection:
        (found,) = list_submissions(connection)
    assert (found.team, found.task, found.state) == (team, task.id, "waiting")
    assert where.endswith(f"submissions/{found.id}.html")
    assert list(board.settings.uploads.iterdir()) == []
    assert board.settings.bundle(found.sha256).read_bytes() == packed.read_bytes()
    # Whoever presses the button twice is led to the same page.
    assert send(client, task.id, key, packed.read_bytes()) == (303, where)


@pytest.mark.parametrize("wrong", ["imb_0_0", "x", "imb_0123456789ab_secret", "' OR 1=1 --"])
def test_a_key_that_is_none(client: TestClient, board: Board, task: Task, packed: Path, wrong: str) -> None:
    status, told = send(client, task.id, wrong, packed.read_bytes())
    assert (status, "not valid" in told) == (401, True)
    assert nothing_came_in(board)


def test_a_team_that_is_barred(
    client: TestClient, board: Board, team: Team, task: Task, key: str, packed: Path
) -> None:
    with board.database.write() as connection:
        bar_team(connection, team, barred=True)
    assert send(client, task.id, key, packed.read_bytes())[0] == 403
    assert nothing_came_in(board)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"hello", "no bundle"), (b"PK\x03\x04" + bytes(100), "damaged"), (b"PK", "no bundle")],
)
def test_what_is_no_bundle(client: TestClient, board: Board, task: Task, key: str, content: bytes, reason: str) -> None:
    status, told = send(client, task.id, key, content)
    assert (status, reason in told) == (422, True)
    assert str(board.settings.folder) not in told
    assert nothing_came_in(board)


def test_a_bundle_that_was_cut_off(client: TestClient, board: Board, task: Task, key: str, packed: Path) -> None:
    assert send(client, task.id, key, packed.read_bytes()[:-100])[0] == 422
    assert nothing_came_in(board)


@pytest.mark.parametrize("field", ["hidden", "closed"])
def test_a_task_that_takes_none(
    client: TestClient, board: Board, task: Task, key: str, packed: Path, field: str
) -> None:
    with board.database.write() as connection:
        close_task(connection, task, closed=field == "closed")
        connection.execute(tasks.update().values(hidden=field == "hidden"))
    status, told = send(client, task.id, key, packed.read_bytes())
    assert (status, field in told) == (409, True)
    assert nothing_came_in(board)


@pytest.mark.parametrize("name", ["none", "", "<script>", "../x"])
def test_a_task_that_there_is_not(client: TestClient, board: Board, key: str, packed: Path, name: str) -> None:
    assert send(client, name, key, packed.read_bytes())[0] in (404, 422)
    assert nothing_came_in(board)


@pytest.mark.parametrize("more", [1, 10**6])
def test_a_bundle_that_is_too_large(
    open_board: Callable[..., Board], key: str, task: Task, packed: Path, more: int
) -> None:
    """By a byte or by far: people are told on a page."""
    board = open_board(largest_bundle=10_000)
    with TestClient(create_app(board)) as client:
        status, told = send(client, task.id, key, packed.read_bytes()[:1] * (10_000 + more))
    assert (status, "bytes" in told) == (413, True)
    assert nothing_came_in(board)


def test_what_went_wrong_leaves_nothing(
    board: Board, task: Task, key: str, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Breaking(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise OSError("the connection broke")

    with pytest.raises(OSError, match="broke"):
        receive(board, task.id, key, Breaking())
    assert nothing_came_in(board)


def test_more_than_a_team_may_send(
    open_board: Callable[..., Board], key: str, task: Task, pack_as: Callable[..., Path]
) -> None:
    board = open_board(uploads_a_day=1)
    with pack_as("a").open("rb") as file:
        identity = receive(board, task.id, key, file)
    with pack_as("b").open("rb") as file, pytest.raises(Refused, match="in the last day") as problem:
        receive(board, task.id, key, file)
    assert problem.value.status == 429
    assert list(board.settings.uploads.iterdir()) == []
    with board.database.read() as connection:
        assert find_submission(connection, identity).name == "a"
