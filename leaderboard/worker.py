"""Checks submissions, one after the other, in a process of its own: it opens what strangers sent."""

import json
import logging
import os
import resource
import shutil
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from imedbench.errors import BadStore, BadSubmission
from imedbench.evaluate.report.numbers import Numbers
from imedbench.evaluate.report.runs import gather
from imedbench.evaluate.results import Results, write_run
from imedbench.store import Store
from imedbench.submission.bundle import Limits, unpack
from imedbench.submission.verdict import Verdict
from imedbench.submission.verify import verify
from leaderboard.audit import record, take_turn
from leaderboard.board import Board
from leaderboard.database import draws, means, submissions
from leaderboard.pictures import draw_worst
from leaderboard.queue import DONE, GIVEN_UP, Job, LostLease, claim, finish, keep, postpone, release
from leaderboard.settings import Settings
from leaderboard.statistics import draw_rows, mean_rows
from leaderboard.submissions import DOUBTFUL, REJECTED, VERIFIED, WITHDRAWN, Submission, find_submission
from leaderboard.tasks import Task, find_task
from leaderboard.uploads import forget_old

PAUSE = 0.5
"""Seconds between looks into an empty queue."""
CLEANING = 3600.0
_LOG = logging.getLogger(__name__)


def work(settings: Settings, stopping: threading.Event | None = None, *, until_empty: bool = False) -> int:
    """Checks what waits; returns how many checks were made.

    Args:
        settings: of the leaderboard.
        stopping: ends it after the check that it is at.
        until_empty: ends it when nothing waits.
    """
    board = Board.open(settings)
    stopping = stopping or threading.Event()
    name = f"{_host()}/{os.getpid()}/{time.time_ns()}"
    with board.database.write() as connection:
        release(connection, _is_dead)
    _clear(board)
    made, cleaned = 0, -CLEANING
    while not stopping.is_set():
        if time.monotonic() - cleaned > CLEANING:
            forget_old(board)
            cleaned = time.monotonic()
        with board.database.write() as connection:
            job = claim(connection, name, settings.lease)
        if job is not None:
            _attempt(board, job)
            made += 1
        elif until_empty:
            break
        else:
            stopping.wait(PAUSE)
    board.database.close()
    return made


def _is_dead(worker: str) -> bool:
    """Whether a worker of this machine is no longer there; of one elsewhere nothing is known but its lease."""
    host, _, process = worker.rpartition("/")[0].rpartition("/")
    return host == _host() and process.isdecimal() and not _is_alive(int(process))


def _host() -> str:
    """This machine, in as many characters as the database has room for."""
    return socket.gethostname()[:32]


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _clear(board: Board) -> None:
    """Removes what workers of this machine were at when they were killed."""
    for folder in board.settings.checked.glob(".*-*-*"):
        host, _, process = folder.name.rpartition("-")
        if host.endswith(_host()) and process.isdecimal() and not _is_alive(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def limit_memory(settings: Settings) -> None:
    """Ends this process, and no other, when what it opens is larger than it said."""
    resource.setrlimit(resource.RLIMIT_AS, (settings.worker_memory, settings.worker_memory))


def _attempt(board: Board, job: Job) -> None:
    try:
        if job.attempt > board.settings.attempts:
            _give_up(board, job)
            return
        with _kept(board, job):
            _check(board, job)
    except LostLease:
        _LOG.warning("the check of %s took longer than its lease; another worker has it", job.submission)


@contextmanager
def _kept(board: Board, job: Job) -> Iterator[None]:
    """Keeps the lease of a job while it is worked at."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(board.settings.lease / 4):
            try:
                with board.database.write() as connection:
                    keep(connection, job, board.settings.lease)
            except LostLease:
                return
            except sa.exc.SQLAlchemyError:
                _LOG.warning("the lease of %s could not be kept; trying again", job.submission, exc_info=True)

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _give_up(board: Board, job: Job) -> None:
    reason = f"the check ended {board.settings.attempts} times without a verdict; the organisers can have it repeated"
    with board.database.write() as connection:
        finish(connection, job, GIVEN_UP)
        _replace(connection, job.submission, {})
        _settle(connection, job.submission, None, reason)


def _check(board: Board, job: Job) -> None:
    """Checks a submission and writes the outcome: files and database together, or neither."""
    with board.database.read() as connection:
        submission = find_submission(connection, job.submission)
        task = find_task(connection, submission.task)
    folder = board.settings.checked / f".{submission.id}-{job.attempt}-{_host()}-{os.getpid()}"
    try:
        verdict, reason = _verdict(board, submission, task, folder)
        held = verdict is not None and verdict.outcome != REJECTED
        rows = _worked_out(task, folder) if held else {}
        with board.database.write() as connection:
            finish(connection, job, DONE)
            _replace(connection, submission.id, rows)
            _settle(connection, submission.id, verdict, reason)
            # The last step: from here on only the commit may fail, and then it is all done again.
            _put(folder, board.settings.checked / submission.id)
    except BadStore as problem:
        _LOG.error("the data of %s cannot be read, so its submissions wait: %s", task.id, problem)
        with board.database.write() as connection:
            postpone(connection, job, board.settings.lease)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _replace(connection: sa.Connection, submission: str, rows: Mapping[sa.Table, list[dict[str, Any]]]) -> None:
    """Numbers of a submission in place of those that it had."""
    for table in (means, draws):
        connection.execute(table.delete().where(table.c.submission_id == submission))
        if rows.get(table):
            connection.execute(table.insert(), [row | {"submission_id": submission} for row in rows[table]])


def _put(folder: Path, final: Path) -> None:
    """Files in place of those that there were; of a bundle that could not be opened there are none."""
    shutil.rmtree(final, ignore_errors=True)
    if folder.exists():
        folder.rename(final)


def _verdict(board: Board, submission: Submission, task: Task, folder: Path) -> tuple[Verdict | None, str]:
    """What the check says, or why there was nothing to check; the folder then holds the results as computed here."""
    settings = board.settings
    try:
        bundle = unpack(settings.bundle(submission.sha256), folder, Limits(bundle=settings.largest_bundle))
        store = Store.open(task.store)
        computed = folder / "computed.parquet"
        verdict = verify(bundle, store, task.asked, scores=computed, workers=settings.check_processes)
    except BadSubmission as problem:
        return None, str(problem)
    computed.replace(folder / "scores.parquet")
    run = dict(bundle.run)
    run["data"] = {**run["data"], "path": os.path.relpath(task.store, folder)}
    write_run(folder, run)
    (folder / "verdict.json").write_text(json.dumps(verdict.to_json(), indent=1), "utf-8")
    return verdict, ""


def _worked_out(task: Task, folder: Path) -> dict[sa.Table, list[dict[str, Any]]]:
    """Numbers and pictures of a run that passed its check."""
    run = gather([Results.open(folder)]).runs[0]
    numbers = Numbers(run)
    if not task.hidden:
        draw_worst(numbers, folder)
    return {means: list(mean_rows(numbers)), draws: list(draw_rows(run.scores))}


def _settle(connection: sa.Connection, submission: str, verdict: Verdict | None, reason: str) -> None:
    """Writes down what became of a submission; ``reason`` says why there is no verdict."""
    # Of two that hold the same guesses, checked at the same time, one comes first.
    take_turn(connection)
    state = verdict.outcome if verdict else REJECTED
    if verdict and state != REJECTED and (other := _same_answers(connection, submission, verdict)):
        state, reason = DOUBTFUL, f"its guesses are those of {other}"
    current = connection.execute(sa.select(submissions.c.state).where(submissions.c.id == submission)).scalar()
    fields: Mapping[str, Any] = {
        "verdict": verdict.to_json() if verdict else None,
        "answers": verdict.answers if verdict else "",
        "reason": reason,
        # A team may withdraw while the check is at it.
        "state": WITHDRAWN if current == WITHDRAWN else state,
    }
    connection.execute(submissions.update().where(submissions.c.id == submission).values(**fields))
    record(connection, "checker", state, submission, reason=reason)


def _same_answers(connection: sa.Connection, submission: str, verdict: Verdict) -> str:
    """An earlier submission to the task with the same guesses, of which this is a copy; empty where there is none."""
    mine = connection.execute(sa.select(submissions).where(submissions.c.id == submission)).one()
    earlier = submissions.c.received < mine.received
    if mine.verdict is None:
        # It came first, but another one with its guesses has been on the leaderboard meanwhile.
        earlier |= submissions.c.state == VERIFIED
    same = (submissions.c.answers == verdict.answers) & (submissions.c.task_id == mine.task_id) & earlier
    held = same & (submissions.c.id != submission) & (submissions.c.state != WITHDRAWN)
    found = connection.execute(
        sa.select(submissions.c.id).where(held).order_by(submissions.c.received).limit(1)
    ).scalar()
    return str(found or "") if verdict.answers else ""
