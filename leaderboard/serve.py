"""Starts everything: the pages and the API in one process, the checks in others, and starts again what dies."""

import contextlib
import logging
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from types import FrameType

import uvicorn

from imedbench.errors import Unavailable
from leaderboard.app import create_app
from leaderboard.board import Board
from leaderboard.settings import Settings
from leaderboard.worker import limit_memory, work

PAUSE = 1.0
"""Seconds after which a worker that died is started again."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the service listens, and with what it works."""

    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    """Processes that check submissions; 0 where they are started elsewhere."""


def serve(settings: Settings, place: Place, ready: Callable[[str], None] = lambda _: None) -> None:
    """Serves a leaderboard until it is interrupted.

    Args:
        settings: of the leaderboard.
        place: where.
        ready: told of the address when it can be opened.

    Raises:
        Unavailable: the address is taken.
    """
    listening = _listen(place)
    board = Board.open(settings)
    host, port = listening.getsockname()[:2]
    stopping = threading.Event()
    crew = [
        threading.Thread(target=_keep_working, args=(settings, stopping), daemon=True) for _ in range(place.workers)
    ]
    for thread in crew:
        thread.start()
    ready(f"http://{host}:{port}/")
    server = uvicorn.Server(uvicorn.Config(create_app(board), log_level="warning", access_log=False))
    # The server ends in good order by either, and then repeats the signal.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            server.run([listening])
    finally:
        stopping.set()
        for thread in crew:
            thread.join()
        board.database.close()


def run_worker(settings: Settings, parent: int = 0) -> None:
    """Checks submissions until it is told to stop, or the process that started it has ended."""
    stopping = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    limit_memory(settings)
    if parent:
        threading.Thread(target=_follow, args=(parent, stopping), daemon=True).start()
    work(settings, stopping)


def _follow(parent: int, stopping: threading.Event) -> None:
    """Ends with who started this, though that was killed."""
    while os.getppid() == parent:
        stopping.wait(PAUSE)
    stopping.set()


def _listen(place: Place) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((place.host, place.port))
    except OSError as problem:
        listening.close()
        message = f"{place.host}:{place.port}: {problem.strerror}; choose another --host or --port."
        raise Unavailable(message) from problem
    return listening


def _keep_working(settings: Settings, stopping: threading.Event) -> None:
    """Has a worker at all times: what it opens may kill it."""
    context = multiprocessing.get_context("spawn")
    while not stopping.is_set():
        worker: BaseProcess = context.Process(target=run_worker, args=(settings, os.getpid()), daemon=False)
        worker.start()
        while worker.is_alive() and not stopping.wait(PAUSE / 4):
            pass
        if stopping.is_set():
            worker.terminate()
            worker.join()
            return
        _LOG.warning("a worker ended with code %s and is started again", worker.exitcode)
        stopping.wait(PAUSE)
