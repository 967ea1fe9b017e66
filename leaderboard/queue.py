"""Checks that are to be made, in the database: nothing is lost when a process dies, and nothing is done twice."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from leaderboard.database import jobs

QUEUED, RUNNING, DONE, GIVEN_UP = "queued", "running", "done", "given up"


class LostLease(Exception):
    """Another worker has taken the job over."""


@dataclass(frozen=True, slots=True)
class Job:
    """A check that one worker is making."""

    id: int
    submission: str
    attempt: int
    """From 1."""
    worker: str


def enqueue(connection: sa.Connection, submission: str) -> None:
    """Adds the check of a submission, or, where there was one, asks for another."""
    fields = {"state": QUEUED, "attempts": 0, "worker": "", "lease_until": 0.0}
    if not connection.execute(jobs.update().where(jobs.c.submission_id == submission).values(**fields)).rowcount:
        connection.execute(jobs.insert().values(submission_id=submission, created=time.time(), **fields))


def claim(connection: sa.Connection, worker: str, lease: float) -> Job | None:
    """The oldest job that waits, or whose worker has not been heard of for longer than its lease."""
    now = time.time()
    free = (jobs.c.state == QUEUED) | ((jobs.c.state == RUNNING) & (jobs.c.lease_until < now))
    query = sa.select(jobs.c.id, jobs.c.submission_id, jobs.c.attempts).where(free).order_by(jobs.c.id).limit(1)
    row = connection.execute(query.with_for_update(skip_locked=True)).first()
    if row is None:
        return None
    fields = {"state": RUNNING, "attempts": row.attempts + 1, "worker": worker, "lease_until": now + lease}
    connection.execute(jobs.update().where(jobs.c.id == row.id).values(**fields))
    return Job(row.id, row.submission_id, row.attempts + 1, worker)


def keep(connection: sa.Connection, job: Job, lease: float) -> None:
    """Says that the worker is still at it.

    Raises:
        LostLease: it came too late.
    """
    _change(connection, job, lease_until=time.time() + lease)


def finish(connection: sa.Connection, job: Job, state: str = DONE) -> None:
    """Ends a job, in the transaction that writes its outcome.

    Raises:
        LostLease: another worker has it now; the transaction must be undone.
    """
    _change(connection, job, state=state)


def postpone(connection: sa.Connection, job: Job, seconds: float) -> None:
    """Puts a job off, and does not count the attempt: it failed by no fault of the submission.

    Raises:
        LostLease: another worker has it now.
    """
    _change(connection, job, lease_until=time.time() + seconds, worker="", attempts=job.attempt - 1)


def release(connection: sa.Connection, is_dead: Callable[[str], bool]) -> int:
    """Gives back what workers had that are known to be dead, before their leases run out; returns how many jobs."""
    running = connection.execute(sa.select(jobs.c.id, jobs.c.worker).where(jobs.c.state == RUNNING)).all()
    dead = [row.id for row in running if is_dead(row.worker)]
    fields = {"state": QUEUED, "worker": "", "lease_until": 0.0}
    connection.execute(jobs.update().where(jobs.c.id.in_(dead), jobs.c.state == RUNNING).values(**fields))
    return len(dead)


def _change(connection: sa.Connection, job: Job, **fields: object) -> None:
    mine = (jobs.c.id == job.id) & (jobs.c.worker == job.worker) & (jobs.c.state == RUNNING)
    if not connection.execute(jobs.update().where(mine, jobs.c.attempts == job.attempt).values(**fields)).rowcount:
        raise LostLease
