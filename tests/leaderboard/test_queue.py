import threading
import time
from collections import Counter
from typing import Any

import pytest
import sqlalchemy as sa

from leaderboard.board import Board
from leaderboard.database import jobs, submissions, tasks, teams
from leaderboard.queue import DONE, GIVEN_UP, QUEUED, RUNNING, Job, LostLease, claim, enqueue, finish, keep, release

NAMES = [f"s{number:02}" for number in range(24)]


@pytest.fixture
def queue(any_board: Board) -> Board:
    """With submissions of which no check is asked for yet."""
    task = {"id": "t", "title": "T", "summary": "", "hidden": False, "closed": False, "store": "", "created": 0.0}
    task |= {name: {} for name in ("protocol", "prompts", "asked", "facts")}
    common = {"team_id": "a", "task_id": "t", "bytes": 1, "about": {}, "run": {}, "sees_truth": False}
    common |= {"received": 0.0, "state": "waiting"}
    with any_board.database.write() as connection:
        connection.execute(teams.insert().values(id="a", name="Ours", created=0.0, barred=False))
        connection.execute(tasks.insert().values(**task))
        connection.execute(submissions.insert(), [common | {"id": name, "sha256": name} for name in NAMES])
    return any_board


def ask(board: Board, *names: str) -> None:
    with board.database.write() as connection:
        for name in names:
            enqueue(connection, name)


def take(board: Board, worker: str = "w", lease: float = 60) -> Job | None:
    with board.database.write() as connection:
        return claim(connection, worker, lease)


def must_take(board: Board, worker: str = "w") -> Job:
    job = take(board, worker)
    assert job is not None
    return job


def row_of(board: Board, name: str) -> Any:
    with board.database.read() as connection:
        return connection.execute(sa.select(jobs).where(jobs.c.submission_id == name)).one()


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + seconds)


def test_the_oldest_comes_first(queue: Board) -> None:
    ask(queue, *NAMES[3::-1])
    assert [must_take(queue).submission for _ in range(4)] == NAMES[3::-1]
    assert take(queue) is None


def test_a_job_that_is_taken_says_by_whom(queue: Board) -> None:
    ask(queue, "s00")
    job = must_take(queue, "one")
    assert (job.submission, job.attempt, job.worker) == ("s00", 1, "one")
    row = row_of(queue, "s00")
    assert (row.id, row.state, row.attempts, row.worker) == (job.id, RUNNING, 1, "one")
    assert 50 < row.lease_until - time.time() <= 60


def test_a_lease_that_ran_out(queue: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(queue, "s00", "s01")
    old = must_take(queue, "one")
    assert must_take(queue, "two").submission == "s01"
    later(monkeypatch, 61)
    new = must_take(queue, "three")
    assert (new.id, new.attempt, new.worker) == (old.id, 2, "three")
    for change in (lambda c: keep(c, old, 60), lambda c: finish(c, old), lambda c: finish(c, old, GIVEN_UP)):
        with pytest.raises(LostLease), queue.database.write() as connection:
            change(connection)
    assert row_of(queue, "s00").worker == "three"
    with queue.database.write() as connection:
        finish(connection, new)
    assert row_of(queue, "s00").state == DONE


def test_the_same_worker_that_took_it_twice(queue: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(queue, "s00")
    first = must_take(queue)
    later(monkeypatch, 61)
    must_take(queue)
    with pytest.raises(LostLease), queue.database.write() as connection:
        finish(connection, first)


def test_a_lease_that_is_kept(queue: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(queue, "s00")
    job = must_take(queue)
    later(monkeypatch, 59)
    with queue.database.write() as connection:
        keep(connection, job, 60)
    later(monkeypatch, 59)
    assert take(queue, "other") is None
    with queue.database.write() as connection:
        finish(connection, job)


def test_what_is_over_is_not_taken_again(queue: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(queue, "s00", "s01")
    for state in (DONE, GIVEN_UP):
        job = must_take(queue)
        with queue.database.write() as connection:
            finish(connection, job, state)
        with pytest.raises(LostLease), queue.database.write() as connection:
            finish(connection, job, state)
        assert row_of(queue, job.submission).state == state
    later(monkeypatch, 1000)
    assert take(queue) is None


def test_an_outcome_whose_lease_is_lost_is_undone(queue: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(queue, "s00")
    job = must_take(queue)
    later(monkeypatch, 61)
    must_take(queue, "other")
    with pytest.raises(LostLease), queue.database.write() as connection:
        connection.execute(submissions.update().values(state="verified"))
        finish(connection, job)
    with queue.database.read() as connection:
        assert set(connection.execute(sa.select(submissions.c.state)).scalars()) == {"waiting"}


def test_what_a_dead_worker_had_is_given_back_at_once(queue: Board) -> None:
    ask(queue, "s00", "s01")
    dead, alive = must_take(queue, "dead"), must_take(queue, "alive")
    with queue.database.write() as connection:
        assert release(connection, lambda worker: worker == "dead") == 1
        assert release(connection, lambda worker: worker == "dead") == 0
    with pytest.raises(LostLease), queue.database.write() as connection:
        finish(connection, dead)
    again = must_take(queue, "new")
    assert (again.id, again.attempt) == (dead.id, 2)
    with queue.database.write() as connection:
        finish(connection, alive)


def test_asked_again(queue: Board) -> None:
    ask(queue, "s00", "s01")
    job = must_take(queue)
    ask(queue, "s00")
    with pytest.raises(LostLease), queue.database.write() as connection:
        finish(connection, job)
    row = row_of(queue, "s00")
    assert (row.id, row.state, row.attempts, row.worker) == (job.id, QUEUED, 0, "")
    assert must_take(queue).attempt == 1


def test_claims_at_the_same_moment_get_different_jobs(queue: Board) -> None:
    """A second worker asks while the first has not committed: it goes on to the next job, or waits."""
    ask(queue, "s00", "s01")
    found: list[Job | None] = []
    with queue.database.write() as connection:
        first = claim(connection, "one", 60)
        thread = threading.Thread(target=lambda: found.append(take(queue, "two")))
        thread.start()
        thread.join(0.3)
    thread.join()
    assert first is not None
    assert found[0] is not None
    assert (first.submission, found[0].submission) == ("s00", "s01")


def test_many_workers_take_each_job_once(queue: Board) -> None:
    ask(queue, *NAMES)
    found: list[str] = []

    def work(name: str) -> None:
        while (job := take(queue, name)) is not None:
            found.append(job.submission)
            with queue.database.write() as connection:
                finish(connection, job)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(found) == Counter(NAMES)
    with queue.database.read() as connection:
        told = connection.execute(sa.select(jobs.c.state, jobs.c.attempts)).all()
    assert set(told) == {(DONE, 1)}
