"""Submissions: how they come in, and what may become of them."""

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from imedbench.errors import BadSubmission
from imedbench.submission.bundle import Bundle, Limits, unpack
from imedbench.submission.verdict import Verdict
from leaderboard.audit import record
from leaderboard.board import Board
from leaderboard.database import submissions, teams, uploads
from leaderboard.queue import enqueue
from leaderboard.settings import Settings
from leaderboard.tasks import Task
from leaderboard.teams import DAY, Refused, Team, new_id

WAITING, VERIFIED, DOUBTFUL, REJECTED, WITHDRAWN = "waiting", "verified", "doubtful", "rejected", "withdrawn"


@dataclass(frozen=True, slots=True)
class Submission:
    """One of them."""

    id: str
    team: Team
    task: str
    sha256: str
    bytes: int
    about: Mapping[str, Any]
    """`imedbench.submission.about.About`."""
    run: Mapping[str, Any]
    """Its `run.json`."""
    received: float
    """Seconds since 1970."""
    state: str
    reason: str
    """Why it is in this state, where somebody or something decided so."""
    verdict: Verdict | None
    sees_truth: bool
    """Whether its model is shown the truth: it is there for comparison only."""

    @property
    def name(self) -> str:
        """Of the model."""
        return str(self.about["name"])


def accept(board: Board, team: Team, task: Task, path: Path, *, upload: str = "") -> str:
    """Takes a complete bundle in: it is looked at, kept, and queued for its check, all or nothing.

    Args:
        board: that takes it.
        team: whose it is.
        task: that it is for.
        path: of the bundle; it stays.
        upload: that brought it, whose end this is.

    Returns:
        Its id.

    Raises:
        Refused: the task is closed, it is no bundle, or it was submitted before.
    """
    if task.closed:
        message = f"the task {task.id} is closed."
        raise Refused(message, 409)
    bundle = inspect(path, board.settings)
    kept = board.settings.bundle(bundle.sha256)
    with _once(), board.database.write() as connection:
        same = (submissions.c.task_id == task.id) & (submissions.c.sha256 == bundle.sha256)
        if known := connection.execute(sa.select(submissions.c.id).where(same)).scalar():
            message = f"this bundle has been submitted already, as {known}."
            raise Refused(message, 409)
        # Linked before it is written down: an entry without its file would be worse than a file without entry.
        with suppress(FileExistsError):
            os.link(path, kept)
        identity = new_id()
        connection.execute(
            submissions.insert().values(
                id=identity,
                team_id=team.id,
                task_id=task.id,
                sha256=bundle.sha256,
                bytes=path.stat().st_size,
                about=bundle.about.model_dump(),
                run=dict(bundle.run),
                sees_truth=bundle.run["card"]["sees_truth"],
                received=time.time(),
                state=WAITING,
                reason="",
                answers="",
            )
        )
        enqueue(connection, identity)
        connection.execute(uploads.update().where(uploads.c.id == upload).values(submission_id=identity))
        record(connection, team.name, "submitted", identity, task=task.id, sha256=bundle.sha256)
    return identity


@contextmanager
def _once() -> Iterator[None]:
    """Of two that submit the same at the same moment, one is told so."""
    try:
        yield
    except sa.exc.IntegrityError as problem:
        message = "this bundle is being submitted already."
        raise Refused(message, 409) from problem


def inspect(path: Path, settings: Settings) -> Bundle:
    """What a bundle says it is; nothing stays unpacked.

    Raises:
        Refused: it is none, or its record does not say what it must.
    """
    settings.uploads.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=settings.uploads, prefix=".look-") as folder:
            bundle = unpack(path, Path(folder), Limits(bundle=settings.largest_bundle))
    except BadSubmission as problem:
        raise Refused(str(problem)) from problem
    return bundle


def find_submission(connection: sa.Connection, identity: str) -> Submission:
    """The submission of this id.

    Raises:
        Refused: there is none.
    """
    row = connection.execute(_query().where(submissions.c.id == identity)).first()
    if row is None:
        message = "there is no such submission."
        raise Refused(message, 404)
    return _submission(row)


def list_submissions(connection: sa.Connection, task: str = "", team: str = "", *states: str) -> list[Submission]:
    """Those of a task, of a team, in one of these states, as far as they are given; the newest first."""
    query = _query().order_by(submissions.c.received.desc(), submissions.c.id)
    for column, value in ((submissions.c.task_id, task), (submissions.c.team_id, team)):
        if value:
            query = query.where(column == value)
    if states:
        query = query.where(submissions.c.state.in_(states))
    return [_submission(row) for row in connection.execute(query)]


def withdraw(connection: sa.Connection, submission: Submission, actor: str, reason: str = "") -> None:
    """Takes a submission off the leaderboard; it is still there to be read.

    Raises:
        Refused: it is withdrawn already.
    """
    if submission.state == WITHDRAWN:
        message = f"{submission.id} is withdrawn already."
        raise Refused(message, 409)
    _move(connection, submission, WITHDRAWN, reason or "withdrawn by its team", actor, "withdrawn")


def decide(connection: sa.Connection, submission: Submission, state: str, reason: str, *, actor: str) -> None:
    """An organiser's word on a submission that is doubtful, or whose check was wrong.

    Raises:
        Refused: it has not been checked yet or was withdrawn, or the state is none that can be decided.
    """
    _check_held(submission)
    if submission.verdict is None or state not in (VERIFIED, REJECTED):
        message = f"{submission.id} is {submission.state}: only what has been checked can be accepted or rejected."
        raise Refused(message, 409)
    _move(connection, submission, state, reason, actor, f"decided: {state}")


def check_again(connection: sa.Connection, submission: Submission, actor: str) -> None:
    """Queues a submission's check once more: after a repair of the data or of this program.

    Raises:
        Refused: it was withdrawn.
    """
    _check_held(submission)
    enqueue(connection, submission.id)
    _move(connection, submission, WAITING, "", actor, "to be checked again")


def _check_held(submission: Submission) -> None:
    if submission.state == WITHDRAWN:
        message = f"{submission.id} was withdrawn; it can be read, and nothing else."
        raise Refused(message, 409)


def submitted_today(connection: sa.Connection, team: Team) -> int:
    """How many submissions of a team came in during the last day."""
    since = time.time() - DAY
    mine = (submissions.c.team_id == team.id) & (submissions.c.received > since)
    return int(connection.execute(sa.select(sa.func.count()).select_from(submissions).where(mine)).scalar() or 0)


def _move(connection: sa.Connection, submission: Submission, state: str, reason: str, *told: str) -> None:
    actor, action = told
    fields = {"state": state, "reason": reason}
    connection.execute(submissions.update().where(submissions.c.id == submission.id).values(**fields))
    record(connection, actor, action, submission.id, reason=reason)


def _query() -> sa.Select[Any]:
    joined = submissions.join(teams, teams.c.id == submissions.c.team_id)
    return sa.select(submissions, teams.c.name.label("team_name")).select_from(joined)


def _submission(row: sa.Row[Any]) -> Submission:
    return Submission(
        row.id,
        Team(row.team_id, row.team_name),
        row.task_id,
        row.sha256,
        row.bytes,
        row.about,
        row.run,
        row.received,
        row.state,
        row.reason,
        Verdict.from_json(row.verdict) if row.verdict else None,
        row.sees_truth,
    )
