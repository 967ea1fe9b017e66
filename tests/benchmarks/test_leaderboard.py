"""A leaderboard with 200 submissions of 1,000 targets: its pages, its readers, and how fast a submission is checked."""

import contextlib
import http.client
import runpy
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from imedbench.evaluate.data import Subset
from imedbench.evaluate.plan import RunSettings
from imedbench.evaluate.results import Results
from imedbench.evaluate.run import evaluate
from imedbench.store import Store
from imedbench.submission.about import About
from imedbench.submission.bundle import pack, unpack
from imedbench.submission.verify import verify
from imedbench.workers import Workers
from leaderboard.app import create_app
from leaderboard.board import Board
from leaderboard.cache import Cache
from leaderboard.database import submissions
from leaderboard.seed import seed
from leaderboard.settings import Settings
from leaderboard.worker import work

FAKES = Path(__file__).resolve().parents[1] / "fakes"
RESULTS = runpy.run_path(str(FAKES / "results.py"))
FILL = runpy.run_path(str(FAKES / "leaderboard.py"))["fill"]
SERVE = "from imedbench.cli import main; main()"
Tell = Callable[[str, object], None]


def run_on(folder: Path, model: str, *, patients: int) -> tuple[Results, float]:
    """Nine clicks on four targets in each of two pictures a patient; with the seconds that it took."""
    store = RESULTS["make_store"](folder / "store", patients=patients)
    settings = RunSettings(model, "clicks-9", "noisy", subset=Subset(split="all"))
    start = time.perf_counter()
    results = evaluate(store.path, folder / "run", settings, workers=Workers(0)).results
    return results, time.perf_counter() - start


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """200 submissions of 1,000 targets."""
    folder = tmp_path_factory.mktemp("board")
    results, _ = run_on(folder, "threshold", patients=125)
    made = Board.open(Settings(folder / "board", requests_a_minute=10**6))
    (first,) = seed(made, [results.path], "team")
    work(made.settings, until_empty=True)
    FILL(made, first.submission, 199)
    yield made
    made.database.close()


def addresses(board: Board) -> list[str]:
    with board.database.read() as connection:
        found = connection.execute(sa.select(submissions.c.id, submissions.c.task_id)).all()
    (first, task), (second, _) = found[0], found[7]
    pages = ["/", "/take-part.html", f"/tasks/{task}/index.html", f"/tasks/{task}/9-clicks--nsd-2-mm--ct--effort.html"]
    pages += [f"/submissions/{first}.html", f"/submissions/{first}-targets-3.html", f"/compare/{first}-{second}.html"]
    return [*pages, "/api/v1/index.json", f"/api/v1/tasks/{task}/index.json", f"/api/v1/submissions/{first}.json"]


@pytest.mark.slow
def test_any_page_in_100_ms(board: Board, record_property: Tell) -> None:
    """Made anew: the median of five; nothing is kept from one to the next but what was imported."""
    client = TestClient(create_app(board))
    for address in addresses(board):
        seconds = []
        for _ in range(6):
            client.app.state.cache = Cache()  # type: ignore[attr-defined]
            start = time.perf_counter()
            assert client.get(address).status_code == 200
            seconds.append(time.perf_counter() - start)
        milliseconds = 1000 * statistics.median(seconds[1:])
        record_property(address.split("/")[1] or "overview", round(milliseconds))
        print(f"{milliseconds:5.0f} ms {address}")  # noqa: T201
        assert milliseconds <= 100


@pytest.mark.slow
def test_100_readers_at_once(board: Board, record_property: Tell) -> None:
    """Each reads every page; what is told is how long the server's answers took, waiting for others included."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-c", SERVE, "leaderboard", "serve", "--folder", str(board.settings.folder)]
    command += ["--port", str(port), "--workers", "0", "--rate", "1000000"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for(port)
            start = time.perf_counter()
            with ThreadPoolExecutor(100) as readers:
                every = readers.map(lambda _: read_all(port, addresses(board)), range(100))
                seconds = [one for each in every for one in each]
            whole = time.perf_counter() - start
        finally:
            server.terminate()
    per_second, longest = len(seconds) / whole, max(seconds)
    record_property("answers a second", round(per_second))
    record_property("longest (s)", round(longest, 2))
    print(f"{per_second:.0f} answers a second; median {statistics.median(seconds):.2f} s, longest {longest:.2f} s")  # noqa: T201
    assert len(seconds) == 100 * len(addresses(board))
    assert longest < 3


def wait_for(port: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise TimeoutError


def read_all(port: int, pages: list[str]) -> list[float]:
    seconds = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for page in pages:
        start = time.perf_counter()
        connection.request("GET", page)
        answer = connection.getresponse()
        assert len(answer.read()) > 500
        assert answer.status == 200
        seconds.append(time.perf_counter() - start)
    connection.close()
    return seconds


@pytest.mark.slow
@pytest.mark.parametrize(("model", "least"), [("imis-lite", 5.0), ("threshold", 1.5)])
def test_a_check_against_the_evaluation_that_it_checks(
    tmp_path: Path, model: str, least: float, record_property: Tell
) -> None:
    """Both on one core; of a classical model most of an evaluation is users and scores, which a check repeats."""
    results, seconds = run_on(tmp_path, model, patients=10)
    bundle = unpack(pack(results, tmp_path / "it.zip", About(name=model), ""), tmp_path / "unpacked")
    verdict = verify(bundle, Store.open(results.data))
    assert verdict.outcome == "verified"
    ratio: Any = seconds / verdict.seconds
    record_property("times faster", round(ratio, 1))
    print(f"{model}: {seconds:.1f} s, checked in {verdict.seconds:.1f} s: {ratio:.1f} times faster")  # noqa: T201
    assert ratio >= least
