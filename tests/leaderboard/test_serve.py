"""The whole service as processes that are killed while many submit: nothing is lost, and nothing is there twice."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from imedbench.errors import Unavailable
from imedbench.evaluate.results import Results
from imedbench.submission.about import About
from imedbench.submission.bundle import pack
from imedbench.submission.send import Server, send
from leaderboard import audit
from leaderboard.board import Board
from leaderboard.serve import Place, serve
from leaderboard.submissions import WAITING, list_submissions

SERVE = "from imedbench.cli import main; main()"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Service:
    """`imedbench leaderboard serve` as a process."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", SERVE, "leaderboard", "serve", "--folder", str(self.folder)]
        process = subprocess.Popen([*command, "--port", str(self.port)], start_new_session=True)
        for _ in range(600):
            try:
                requests.get(f"{self.url}/static/board.css", timeout=5)
                return process
            except requests.ConnectionError:
                assert process.poll() is None
                time.sleep(0.1)
        raise TimeoutError

    def kill(self) -> None:
        """All of it, at once, without a word."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = self._start()

    def kill_worker(self) -> None:
        """The process that checks; whatever it is at."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            if "spawn_main" in " ".join(child.cmdline()):
                child.kill()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)


@pytest.fixture
def service(board: Board) -> Iterator[Service]:
    running = Service(board.settings.folder)
    yield running
    running.stop()


@pytest.mark.parametrize("count", [8, pytest.param(50, marks=pytest.mark.slow)])
def test_many_submit_while_everything_is_killed(
    service: Service, board: Board, results: Results, tmp_path: Path, key: str, task: Any, count: int
) -> None:
    bundles = [pack(results, tmp_path / f"{i}.zip", About(name=f"model {i}"), "# Card") for i in range(count)]
    over = threading.Event()

    def kill() -> None:
        for number in range(3 if count < 50 else 8):
            if over.wait(1.5):
                return
            (service.kill if number % 2 else service.kill_worker)()

    killer = threading.Thread(target=kill)
    killer.start()
    with ThreadPoolExecutor(count) as pool:
        server = Server(service.url, key, pauses=(0.2,) * 150)
        places = list(pool.map(lambda path: send(server, path, task.id), bundles))
    killer.join()
    over.set()
    assert len(set(places)) == count
    wait_until(lambda: not waiting(board), 30 + 3 * count)
    with board.database.read() as connection:
        held = list_submissions(connection, task.id)
        told = Counter((entry.subject, entry.action) for entry in audit.entries(connection) if entry.actor == "checker")
        submitted = Counter(entry.subject for entry in audit.entries(connection) if entry.action == "submitted")
        assert audit.broken(connection) is None
    assert {each.name for each in held} == {f"model {i}" for i in range(count)}
    assert all(each.verdict is not None and each.verdict.sessions == 12 for each in held)
    assert Counter(each.state for each in held)["verified"] == 1
    assert set(told.values()) == set(submitted.values()) == {1}
    assert len(told) == len(submitted) == count
    assert not list(board.settings.uploads.glob("*.part"))


def waiting(board: Board) -> bool:
    with board.database.read() as connection:
        return bool(list_submissions(connection, "", "", WAITING))


def wait_until(what: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_a_port_that_is_taken(board: Board) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Unavailable, match=re.escape("choose another --host or --port")):
            serve(board.settings, Place(port=taken.getsockname()[1]))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_it_is_told_to(service: Service, number: signal.Signals) -> None:
    children = psutil.Process(service.process.pid).children(recursive=True)
    assert children
    service.process.send_signal(number)
    service.process.wait(30)
    assert service.process.returncode == 0
    _, alive = psutil.wait_procs(children, 10)
    assert not alive


def test_workers_do_not_outlive_it(service: Service) -> None:
    children = psutil.Process(service.process.pid).children(recursive=True)
    service.process.kill()
    service.process.wait()
    _, alive = psutil.wait_procs(children, 15)
    assert not alive
