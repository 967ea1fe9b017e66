import http.server
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn

from imedbench.errors import BadSubmission, ImedbenchError, Unavailable
from imedbench.evaluate.results import Results
from imedbench.store import Store
from imedbench.submission.about import About
from imedbench.submission.bundle import pack
from imedbench.submission.send import PAUSES, Server, is_address, send
from leaderboard.app import create_app
from leaderboard.board import Board
from leaderboard.settings import Settings
from leaderboard.submissions import list_submissions
from leaderboard.tasks import NewTask, add_task, close_task, find_task
from leaderboard.teams import add_team, issue_key


@pytest.fixture(scope="session")
def packed(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(results, tmp_path_factory.mktemp("send") / "it.zip", About(name="it"), "# Card\n")


@dataclass
class Running:
    """A leaderboard that can be reached."""

    board: Board
    url: str
    key: str

    def submissions(self) -> list[str]:
        with self.board.database.read() as connection:
            return [each.id for each in list_submissions(connection)]


def run(app: Any) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"largest_chunk": 1000}


@pytest.fixture
def running(store: Store, tmp_path: Path, settings: dict[str, Any]) -> Iterator[Running]:
    board = Board.open(Settings(tmp_path / "board", requests_a_minute=10**6, **settings))
    with board.database.write() as connection:
        key = issue_key(connection, add_team(connection, "Ours"))
        add_task(connection, NewTask("it", "It", store.path, "clicks-9", "noisy"))
    for url in run(create_app(board)):
        yield Running(board, url, key)
    board.database.close()


@dataclass
class Wire:
    """What goes over the network, and where it breaks."""

    before: set[int] = field(default_factory=set)
    """Calls that never arrive."""
    after: set[int] = field(default_factory=set)
    """Calls whose answer is lost."""
    calls: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    real, told = requests.Session.request, Wire()

    def request(session: Any, method: str, url: str, **more: Any) -> Any:
        number = len(told.calls)
        told.calls.append(method)
        if number in told.before:
            raise requests.ConnectionError("broken")
        answer = real(session, method, url, **more)
        if number in told.after:
            raise requests.ConnectionError("broken")
        return answer

    monkeypatch.setattr(requests.Session, "request", request)
    monkeypatch.setattr("imedbench.submission.send.time.sleep", told.slept.append)
    return told


def arrived(running: Running, packed: Path, where: str) -> bool:
    (identity,) = running.submissions()
    (kept,) = running.board.settings.bundles.iterdir()
    return (
        where == f"{running.url}/submissions/{identity}.html"
        and kept.read_bytes() == packed.read_bytes()
        and not list(running.board.settings.uploads.iterdir())
    )


def test_in_small_parts(running: Running, packed: Path, wire: Wire) -> None:
    told: list[tuple[int, int]] = []
    where = send(Server(running.url, running.key), packed, "it", lambda *each: told.append(each))
    assert arrived(running, packed, where)
    size = packed.stat().st_size
    assert [done for done, _ in told] == [*range(0, size, 1000), size]
    assert {total for _, total in told} == {size}
    assert wire.calls.count("PATCH") == -(-size // 1000)
    assert wire.slept == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", [0, 1, 3, -1])
def test_a_connection_that_breaks(running: Running, packed: Path, wire: Wire, when: str, call: int) -> None:
    """At the announcement, in parts, and at the end; also when the server has taken it and only its answer is lost."""
    parts = -(-packed.stat().st_size // 1000)
    getattr(wire, when).add(call if call >= 0 else parts + 1)
    told: list[int] = []
    where = send(Server(running.url, running.key), packed, "it", lambda done, _: told.append(done))
    assert arrived(running, packed, where)
    assert told == sorted(told)
    assert told[-1] == packed.stat().st_size
    assert wire.slept == [PAUSES[0]]


def test_a_connection_that_breaks_again_and_again(running: Running, packed: Path, wire: Wire) -> None:
    wire.before |= set(range(0, 60, 3))
    wire.after |= set(range(1, 60, 3))
    assert arrived(running, packed, send(Server(running.url, running.key), packed, "it"))


def test_a_command_that_is_repeated_goes_on(running: Running, packed: Path, wire: Wire) -> None:
    wire.before |= set(range(4, 100))
    with pytest.raises(Unavailable, match="goes on where it stopped"):
        send(Server(running.url, running.key, pauses=(0.1,)), packed, "it")
    wire.before.clear()
    wire.calls.clear()
    told: list[int] = []
    where = send(Server(running.url, running.key), packed, "it", lambda done, _: told.append(done))
    assert told[0] == 3000
    assert arrived(running, packed, where)
    # And once more, when all has arrived already.
    assert send(Server(running.url, running.key), packed, "it") == where


@pytest.mark.parametrize(
    ("key", "task", "words"),
    [
        ("imb_0_0", "it", "not valid"),
        ("", "none", "no task 'none'"),
        ("", "closed", "is closed"),
        ("", "x" * 40, "task"),
    ],
)
def test_what_is_refused_is_said(
    running: Running, packed: Path, wire: Wire, store: Store, key: str, task: str, words: str
) -> None:
    with running.board.database.write() as connection:
        add_task(connection, NewTask("closed", "Closed", store.path, "clicks-9"))
        close_task(connection, find_task(connection, "closed"), closed=True)
    with pytest.raises(BadSubmission, match=words) as problem:
        send(Server(running.url, key or running.key), packed, task)
    assert "\n" not in str(problem.value)
    assert wire.slept == []
    assert running.submissions() == []


def test_what_is_no_bundle(running: Running, tmp_path: Path, wire: Wire) -> None:
    (tmp_path / "it").write_bytes(b"hello")
    with pytest.raises(BadSubmission, match="no bundle"):
        send(Server(running.url, running.key), tmp_path / "it", "it")
    assert running.submissions() == []


@pytest.mark.parametrize("settings", [{"uploads_a_day": 1}])
def test_a_quota_is_said_too(running: Running, packed: Path, results: Results, tmp_path: Path, wire: Wire) -> None:
    send(Server(running.url, running.key), packed, "it")
    other = pack(results, tmp_path / "other.zip", About(name="other"), "# Card\n")
    with pytest.raises(ImedbenchError, match="in the last day"):
        send(Server(running.url, running.key), other, "it")


Answers = list[tuple[int, dict[str, str], bytes]]


@pytest.fixture
def strange() -> Iterator[Callable[[Answers], str]]:
    """Called with answers, something that gives them in turn, the last one for ever; its address."""
    servers = []

    def serve(answers: Answers) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


GOOD = (200, {}, json.dumps({"id": "x"}).encode())


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize(("wanted", "slept"), [("", 0.5), ("3", 3.0), ("0", 0.5), ("soon", 0.5), ("99999", 60.0)])
def test_who_is_busy_is_asked_again(
    strange: Callable[[Answers], str], wire: Wire, status: int, wanted: str, slept: float
) -> None:
    if status == 429 and not wanted:
        pytest.skip("without a time it is a quota, which is said")
    headers = {"Retry-After": wanted} if wanted else {}
    url = strange([(status, headers, b"busy"), GOOD])
    assert Server(url, "key").ask("POST", "uploads", json={}) == {"id": "x"}
    assert wire.slept == [slept]


def test_at_some_time_it_gives_up(strange: Callable[[Answers], str], wire: Wire) -> None:
    url = strange([(503, {}, b"")])
    with pytest.raises(Unavailable, match="503") as problem:
        Server(url, "key").ask("POST", "uploads", json={})
    assert url in str(problem.value)
    assert wire.slept == list(PAUSES)
    assert len(wire.calls) == len(PAUSES) + 1


def test_nobody_there(wire: Wire, packed: Path) -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        send(Server("http://127.0.0.1:9", "key", pauses=(0.1,)), packed, "it")
    assert wire.slept == [0.1]


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, b"<html>hello</html>"),
        (404, {}, b"<html>not found</html>"),
        (200, {}, b"[]"),
        (200, {}, b"{}"),
        (200, {}, b'{"id": 3}'),
        (200, {}, b""),
        (500, {}, b"Internal Server Error"),
        (501, {}, b"no"),
        (404, {}, b"{}"),
    ],
    ids=str,
)
def test_something_that_is_no_leaderboard(
    strange: Callable[[Answers], str], wire: Wire, packed: Path, answer: tuple[int, dict[str, str], bytes]
) -> None:
    with pytest.raises(Unavailable) as problem:
        send(Server(strange([answer]), "key"), packed, "it")
    assert "\n" not in str(problem.value)


def test_an_answer_that_breaks_off_is_asked_for_again(strange: Callable[[Answers], str], wire: Wire) -> None:
    url = strange([(200, {"Content-Length": "500"}, b'{"id": '), GOOD])
    assert Server(url, "key").ask("POST", "uploads", json={}) == {"id": "x"}
    assert wire.slept == [0.5]


@pytest.mark.parametrize("url", ["http:", "http://", "http://[", "http://a b", "https://.example"])
def test_addresses_that_are_none(packed: Path, wire: Wire, url: str) -> None:
    with pytest.raises(Unavailable):
        send(Server(url, "key", pauses=()), packed, "it")


def test_an_address_or_a_folder() -> None:
    assert is_address("http://127.0.0.1:8080")
    assert is_address("https://example.org/board")
    assert not any(map(is_address, (".", "out", "/tmp/x", "C:\\x", "file:///x", "http", "http")))


def test_the_key_is_not_shown() -> None:
    assert "imb_secret" not in repr(Server("http://a", "imb_secret"))
