import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from imedbench.evaluate.data import Subset
from imedbench.evaluate.results import Results
from imedbench.submission.verdict import Verdict
from leaderboard import worker
from leaderboard.audit import broken, entries
from leaderboard.board import Board
from leaderboard.database import draws, jobs, means
from leaderboard.pictures import FILE, read_worst
from leaderboard.queue import DONE, GIVEN_UP
from leaderboard.submissions import Submission, accept, check_again, find_submission, withdraw
from leaderboard.tasks import NewTask, Task, add_task
from leaderboard.teams import Team

PackAs = Callable[..., Path]
PROGRAM = """
import os, sys, time
from pathlib import Path
from leaderboard import worker
from leaderboard.settings import Settings

real = worker.verify

def verify(*args, **named):
    def progress(_):
        print("checking", flush=True)
        {then}
    return real(*args, **named, progress=progress)

worker.verify = verify
worker.work(Settings(Path(sys.argv[1])), until_empty=True)
"""
"""A worker to which something happens after the first case."""


def check(board: Board) -> int:
    return worker.work(board.settings, until_empty=True)


def find(board: Board, identity: str) -> Submission:
    with board.database.read() as connection:
        return find_submission(connection, identity)


def told(board: Board, identity: str) -> list[str]:
    """What the checker says of it in the audit log."""
    with board.database.read() as connection:
        assert broken(connection) is None
        return [each.action for each in entries(connection) if (each.actor, each.subject) == ("checker", identity)]


def rows_of(board: Board, identity: str) -> tuple[int, int]:
    with board.database.read() as connection:
        queries = [sa.select(table).where(table.c.submission_id == identity) for table in (means, draws)]
        first, second = (len(connection.execute(query).all()) for query in queries)
    return first, second


def job_of(board: Board, identity: str) -> Any:
    with board.database.read() as connection:
        return connection.execute(sa.select(jobs).where(jobs.c.submission_id == identity)).one()


@contextmanager
def begun(board: Board, then: str) -> "Iterator[subprocess.Popen[str]]":
    """A worker in the middle of a check, in a process of its own; it does not outlive the test."""
    command = [sys.executable, "-c", PROGRAM.format(then=then), str(board.settings.folder)]
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "checking\n"
            yield process
        finally:
            process.kill()


def raise_score(rows: list[dict[str, Any]]) -> None:
    rows[0]["value"] = 0.999


def test_an_honest_run(
    any_board: Board, add_all: Callable[[Board], tuple[Team, Task]], results: Results, packed: Path
) -> None:
    team, task = add_all(any_board)
    identity = accept(any_board, team, task, packed)
    assert check(any_board) == 1
    found = find(any_board, identity)
    assert (found.state, found.reason) == ("verified", "")
    assert found.verdict is not None
    assert (found.verdict.outcome, found.verdict.sessions) == ("verified", 12)
    assert min(rows_of(any_board, identity)) > 0
    assert told(any_board, identity) == ["verified"]
    assert job_of(any_board, identity).state == DONE
    folder = any_board.settings.checked / identity
    files = {"card.md", "run.json", "scores.parquet", "turns.parquet", "verdict.json", FILE}
    assert {path.name for path in folder.iterdir()} == files
    assert pq.read_table(folder / "scores.parquet").equals(results.scores)
    assert Results.open(folder).data == results.data
    assert len(read_worst(folder)) == 3
    assert Verdict.from_json(json.loads((folder / "verdict.json").read_text())) == found.verdict
    assert check(any_board) == 0


def test_forged_scores(board: Board, team: Team, task: Task, pack_as: PackAs) -> None:
    identity = accept(board, team, task, pack_as("Forged", raise_score))
    check(board)
    found = find(board, identity)
    assert found.state == "rejected"
    assert found.verdict is not None
    (failed,) = found.verdict.failed
    assert (failed.name, failed.count) == ("scores", 1)
    assert "turn 1, dice" in failed.examples[0].where
    assert rows_of(board, identity) == (0, 0)
    assert told(board, identity) == ["rejected"]
    assert not (board.settings.checked / identity / FILE).exists()


def test_the_guesses_of_another(board: Board, team: Team, task: Task, packed: Path, pack_as: PackAs) -> None:
    first = accept(board, team, task, packed)
    copy = accept(board, team, task, pack_as("Mine"))
    assert check(board) == 2
    assert find(board, first).state == "verified"
    found = find(board, copy)
    assert (found.state, found.reason) == ("doubtful", f"its guesses are those of {first}")
    assert min(rows_of(board, copy)) > 0


def test_who_was_first_stays_verified_when_checked_again(
    board: Board, team: Team, task: Task, packed: Path, pack_as: PackAs
) -> None:
    first = accept(board, team, task, packed)
    accept(board, team, task, pack_as("Mine"))
    check(board)
    with board.database.write() as connection:
        check_again(connection, find_submission(connection, first), "admin")
    check(board)
    assert find(board, first).state == "verified"


def test_the_guesses_of_what_was_withdrawn(board: Board, team: Team, task: Task, packed: Path, pack_as: PackAs) -> None:
    first = accept(board, team, task, packed)
    check(board)
    with board.database.write() as connection:
        withdraw(connection, find_submission(connection, first), team.name)
    again = accept(board, team, task, pack_as("Better name"))
    check(board)
    assert find(board, again).state == "verified"


def test_two_copies_that_are_checked_at_once(
    any_board: Board,
    add_all: Callable[[Board], tuple[Team, Task]],
    packed: Path,
    pack_as: PackAs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two workers, neither of which can know of the other's verdict, get different jobs, and one comes first."""
    team, task = add_all(any_board)
    identities = [accept(any_board, team, task, path) for path in (packed, pack_as("Mine"))]
    together, real = threading.Barrier(2), worker._worked_out

    def worked_out(*args: Any) -> Any:
        done = real(*args)
        together.wait(30)
        return done

    monkeypatch.setattr(worker, "_worked_out", worked_out)
    # Opened one after the other: migrations take no threads.
    monkeypatch.setattr(worker.Board, "open", lambda _: any_board)
    monkeypatch.setattr(any_board.database, "close", lambda: None)
    threads = [threading.Thread(target=check, args=(any_board,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monkeypatch.undo()
    assert sorted(find(any_board, each).state for each in identities) == ["doubtful", "verified"]


def test_a_bundle_that_was_damaged_here(board: Board, team: Team, task: Task, packed: Path) -> None:
    identity = accept(board, team, task, packed)
    kept = board.settings.bundle(find(board, identity).sha256)
    kept.unlink()
    kept.write_bytes(b"PK\x03\x04")
    check(board)
    found = find(board, identity)
    assert (found.state, found.verdict) == ("rejected", None)
    assert "damaged" in found.reason
    assert job_of(board, identity).state == DONE


def test_of_hidden_truth_nothing_is_drawn(board: Board, team: Team, task: Task, packed: Path) -> None:
    with board.database.write() as connection:
        subset = Subset(split="all", limit=task.asked.limit)
        hidden = add_task(connection, NewTask("hidden", "H", task.store, "clicks-9", "noisy", subset, hidden=True))
    identity = accept(board, team, hidden, packed)
    check(board)
    assert find(board, identity).state == "verified"
    assert not (board.settings.checked / identity / FILE).exists()


def test_a_check_that_cannot_be_made(
    open_board: Callable[..., Board], team: Team, task: Task, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error ends the worker; whoever starts it again sees the attempts counted."""
    board = open_board(lease=0.1, attempts=2)
    identity = accept(board, team, task, packed)

    def fail(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(worker, "verify", fail)
    for attempt in (1, 2):
        with pytest.raises(MemoryError):
            check(board)
        assert find(board, identity).state == "waiting"
        assert job_of(board, identity).attempts == attempt
        time.sleep(0.15)
    check(board)
    found = find(board, identity)
    assert (found.state, found.verdict) == ("rejected", None)
    assert "ended 2 times without a verdict" in found.reason
    assert job_of(board, identity).state == GIVEN_UP
    assert told(board, identity) == ["rejected"]
    assert rows_of(board, identity) == (0, 0)
    assert list(board.settings.checked.iterdir()) == []


def test_a_worker_that_ends_in_the_middle(
    open_board: Callable[..., Board], team: Team, task: Task, packed: Path
) -> None:
    board = open_board(attempts=1)
    identity = accept(board, team, task, packed)
    with begun(board, "os._exit(9)") as process:
        assert process.wait(30) == 9
    assert check(board) == 1
    assert find(board, identity).state == "rejected"
    assert job_of(board, identity).state == GIVEN_UP


def test_a_worker_that_is_killed(board: Board, team: Team, task: Task, packed: Path) -> None:
    identity = accept(board, team, task, packed)
    with begun(board, "time.sleep(60)") as process:
        assert any(path.name.startswith(f".{identity}") for path in board.settings.checked.iterdir())
        os.kill(process.pid, signal.SIGKILL)
    assert check(board) == 1
    assert find(board, identity).state == "verified"
    assert told(board, identity) == ["verified"]
    assert job_of(board, identity).attempts == 2
    assert [path.name for path in board.settings.checked.iterdir()] == [identity]


def test_a_job_whose_worker_lives_is_not_taken(board: Board, team: Team, task: Task, packed: Path) -> None:
    identity = accept(board, team, task, packed)
    with begun(board, "time.sleep(60)"):
        assert check(board) == 0
        assert find(board, identity).state == "waiting"


def test_a_check_that_took_longer_than_its_lease(
    board: Board, team: Team, task: Task, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker takes it over, and its outcome stays, in the database and in the folder."""
    identity, real = accept(board, team, task, packed), worker.verify
    note = board.settings.checked / identity / "note"

    def verify(*args: Any, **named: Any) -> Any:
        verdict = real(*args, **named)
        monkeypatch.setattr(worker, "verify", real)
        with board.database.write() as connection:
            connection.execute(jobs.update().values(lease_until=0.0))
        assert check(board) == 1
        note.write_text("of the second")
        return verdict

    monkeypatch.setattr(worker, "verify", verify)
    check(board)
    assert find(board, identity).state == "verified"
    assert told(board, identity) == ["verified"]
    assert note.exists()


def test_withdrawn_while_it_is_checked(
    board: Board, team: Team, task: Task, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity, real = accept(board, team, task, packed), worker.verify

    def verify(*args: Any, **named: Any) -> Any:
        with board.database.write() as connection:
            withdraw(connection, find_submission(connection, identity), team.name)
        return real(*args, **named)

    monkeypatch.setattr(worker, "verify", verify)
    check(board)
    found = find(board, identity)
    assert found.state == "withdrawn"
    assert found.verdict is not None


def test_checked_again(board: Board, team: Team, task: Task, packed: Path) -> None:
    identity = accept(board, team, task, packed)
    check(board)
    counts = rows_of(board, identity)
    with board.database.write() as connection:
        check_again(connection, find_submission(connection, identity), "admin")
    assert find(board, identity).state == "waiting"
    assert check(board) == 1
    assert find(board, identity).state == "verified"
    assert rows_of(board, identity) == counts
    assert told(board, identity) == ["verified"] * 2


def test_checked_again_and_given_up_leaves_no_numbers(
    open_board: Callable[..., Board], team: Team, task: Task, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = open_board(lease=0.1, attempts=1)
    identity = accept(board, team, task, packed)
    check(board)
    with board.database.write() as connection:
        check_again(connection, find_submission(connection, identity), "admin")

    def fail(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(worker, "verify", fail)
    with pytest.raises(MemoryError):
        check(board)
    time.sleep(0.15)
    check(board)
    assert find(board, identity).state == "rejected"
    assert rows_of(board, identity) == (0, 0)


def test_it_ends_when_it_is_told_to(board: Board, team: Team, task: Task, packed: Path) -> None:
    stopping = threading.Event()
    stopping.set()
    accept(board, team, task, packed)
    assert worker.work(board.settings, stopping) == 0


def test_it_waits_for_work(board: Board, team: Team, task: Task, packed: Path) -> None:
    stopping, made = threading.Event(), []
    thread = threading.Thread(target=lambda: made.append(worker.work(board.settings, stopping)))
    thread.start()
    identity = accept(board, team, task, packed)
    for _ in range(200):
        if find(board, identity).state != "waiting":
            break
        time.sleep(0.05)
    stopping.set()
    thread.join(10)
    assert (made, find(board, identity).state) == ([1], "verified")


def test_machines_of_any_name(
    any_board: Board,
    add_all: Callable[[Board], tuple[Team, Task]],
    packed: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "h" * 64)
    identity = accept(any_board, *add_all(any_board), packed)
    assert check(any_board) == 1
    assert find(any_board, identity).state == "verified"


def test_memory_is_limited(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path\n"
        "from leaderboard.settings import Settings\n"
        "from leaderboard.worker import limit_memory\n"
        f"limit_memory(Settings(Path({str(tmp_path)!r}), worker_memory=4 * 2**30))\n"
        "try:\n    bytearray(5 * 2**30)\nexcept MemoryError:\n    print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "refused\n"
