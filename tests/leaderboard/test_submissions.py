import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from imedbench.submission.bundle import sha256_of
from imedbench.submission.verdict import Findings, Verdict
from leaderboard import submissions as module
from leaderboard.audit import Entry, entries
from leaderboard.board import Board
from leaderboard.database import jobs, submissions
from leaderboard.submissions import (
    DOUBTFUL,
    REJECTED,
    VERIFIED,
    WAITING,
    WITHDRAWN,
    Submission,
    accept,
    check_again,
    decide,
    find_submission,
    inspect,
    list_submissions,
    submitted_today,
    withdraw,
)
from leaderboard.tasks import NewTask, Task, add_task
from leaderboard.teams import DAY, Refused, Team, add_team

PackAs = Callable[..., Path]


def find(board: Board, identity: str) -> Submission:
    with board.database.read() as connection:
        return find_submission(connection, identity)


def last(board: Board) -> Entry:
    with board.database.read() as connection:
        return next(entries(connection, 1))


def nothing_came_in(board: Board) -> bool:
    with board.database.read() as connection:
        counts = [connection.execute(sa.select(sa.func.count()).select_from(t)).scalar() for t in (submissions, jobs)]
    files = [path for folder in (board.settings.bundles, board.settings.uploads) for path in folder.iterdir()]
    return counts == [0, 0] and not files


def checked(board: Board, identity: str) -> Submission:
    """As if a worker had found it doubtful."""
    findings = Findings()
    findings.add("truth", "all cases", "too good")
    verdict = Verdict.of(findings, answers="a" * 64, sessions=12)
    with board.database.write() as connection:
        fields = {"verdict": verdict.to_json(), "state": DOUBTFUL}
        connection.execute(submissions.update().where(submissions.c.id == identity).values(**fields))
    return find(board, identity)


def test_a_bundle_is_kept_written_down_and_queued(board: Board, team: Team, task: Task, packed: Path) -> None:
    identity = accept(board, team, task, packed)
    found = find(board, identity)
    assert (found.team, found.task, found.name, found.state, found.reason) == (team, task.id, "Threshold", WAITING, "")
    assert (found.sha256, found.bytes) == (sha256_of(packed), packed.stat().st_size)
    assert found.run["model"] == "threshold"
    assert (found.verdict, found.sees_truth) == (None, False)
    assert time.time() - 60 < found.received <= time.time()
    assert board.settings.bundle(found.sha256).read_bytes() == packed.read_bytes()
    with board.database.read() as connection:
        assert connection.execute(sa.select(jobs.c.submission_id, jobs.c.state)).all() == [(identity, "queued")]
    entry = last(board)
    assert (entry.actor, entry.action, entry.subject) == (team.name, "submitted", identity)
    assert entry.detail == {"task": task.id, "sha256": found.sha256}


def test_of_a_bundle_nothing_stays_unpacked(board: Board, packed: Path) -> None:
    bundle = inspect(packed, board.settings)
    assert bundle.about.name == "Threshold"
    assert list(board.settings.uploads.iterdir()) == []


def test_the_same_bundle_again(board: Board, team: Team, task: Task, packed: Path) -> None:
    identity = accept(board, team, task, packed)
    with board.database.write() as connection:
        other = add_team(connection, "Theirs")
    for who in (team, other):
        with pytest.raises(Refused, match=identity) as problem:
            accept(board, who, task, packed)
        assert problem.value.status == 409
    with board.database.read() as connection:
        assert len(list_submissions(connection)) == 1


def test_the_same_bundle_to_another_task(board: Board, team: Team, task: Task, packed: Path) -> None:
    with board.database.write() as connection:
        other = add_task(connection, NewTask("other", "Other", task.store, "clicks-9"))
    identities = {accept(board, team, each, packed) for each in (task, other)}
    with board.database.read() as connection:
        assert {each.id for each in list_submissions(connection)} == identities
    assert len(list(board.settings.bundles.iterdir())) == 1


def test_a_task_that_is_closed(board: Board, team: Team, task: Task, packed: Path) -> None:
    with pytest.raises(Refused, match="closed") as problem:
        accept(board, team, replace(task, closed=True), packed)
    assert problem.value.status == 409
    assert nothing_came_in(board)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "no bundle"), (b"hello", "no bundle"), (b"PK\x03\x04" + bytes(100), "damaged"), (None, "damaged")],
)
def test_what_is_no_bundle(
    board: Board, team: Team, task: Task, packed: Path, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "it"
    path.write_bytes(packed.read_bytes()[:-100] if content is None else content)
    with pytest.raises(Refused, match=reason) as problem:
        accept(board, team, task, path)
    assert problem.value.status == 422
    assert nothing_came_in(board)


def test_a_bundle_that_is_too_large(open_board: Callable[..., Board], packed: Path) -> None:
    with pytest.raises(Refused, match="at most 1,000 are taken"):
        inspect(packed, open_board(largest_bundle=1000).settings)


def test_nothing_is_half_in(
    board: Board, team: Team, task: Task, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(module, "enqueue", fail)
    with pytest.raises(OSError, match="disk full"):
        accept(board, team, task, packed)
    with board.database.read() as connection:
        assert list_submissions(connection) == []
    monkeypatch.undo()
    assert find(board, accept(board, team, task, packed)).state == WAITING


def test_lists(board: Board, team: Team, task: Task, pack_as: PackAs, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    with board.database.write() as connection:
        other = add_team(connection, "Theirs")
    for hour, (who, name) in enumerate([(team, "a"), (other, "b"), (team, "c")]):
        monkeypatch.setattr(time, "time", lambda hour=hour: now + 3600 * hour)
        accept(board, who, task, pack_as(name))

    def listed(*which: str) -> list[str]:
        with board.database.read() as connection:
            return [each.name for each in list_submissions(connection, *which)]

    assert listed() == listed(task.id) == ["c", "b", "a"]
    assert listed("", team.id) == ["c", "a"]
    assert listed(task.id, other.id) == ["b"]
    assert listed("none") == []
    with board.database.write() as connection:
        withdraw(connection, list_submissions(connection)[1], "admin")
    assert listed("", "", WAITING) == ["c", "a"]
    assert listed("", "", WITHDRAWN) == ["b"]
    assert listed(task.id, "", WAITING, WITHDRAWN) == ["c", "b", "a"]


def test_how_many_came_in_today(
    board: Board, team: Team, task: Task, pack_as: PackAs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        accept(board, team, task, pack_as(name))
    with board.database.write() as connection:
        other = add_team(connection, "Theirs")
        assert (submitted_today(connection, team), submitted_today(connection, other)) == (2, 0)
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + DAY + 1)
        assert submitted_today(connection, team) == 0


def test_a_submission_that_there_is_not(board: Board) -> None:
    with pytest.raises(Refused, match="no such submission") as problem:
        find(board, "none")
    assert problem.value.status == 404


def test_withdrawing(board: Board, team: Team, task: Task, packed: Path) -> None:
    identity = accept(board, team, task, packed)
    with board.database.write() as connection:
        withdraw(connection, find_submission(connection, identity), team.name)
    found = find(board, identity)
    assert (found.state, found.reason) == (WITHDRAWN, "withdrawn by its team")
    entry = last(board)
    assert (entry.actor, entry.action, entry.subject) == (team.name, "withdrawn", identity)
    with pytest.raises(Refused, match="already") as problem, board.database.write() as connection:
        withdraw(connection, found, team.name, "again")
    assert problem.value.status == 409
    assert last(board) == entry
    assert board.settings.bundle(found.sha256).exists()


@pytest.mark.parametrize("state", [VERIFIED, REJECTED])
def test_an_organiser_decides(board: Board, team: Team, task: Task, packed: Path, state: str) -> None:
    submission = checked(board, accept(board, team, task, packed))
    with board.database.write() as connection:
        decide(connection, submission, state, "we looked", actor="someone")
    found = find(board, submission.id)
    assert (found.state, found.reason, found.verdict) == (state, "we looked", submission.verdict)
    entry = last(board)
    assert (entry.actor, entry.action, entry.subject) == ("someone", f"decided: {state}", submission.id)
    assert entry.detail == {"reason": "we looked"}


def test_what_cannot_be_decided(board: Board, team: Team, task: Task, packed: Path) -> None:
    submission = find(board, accept(board, team, task, packed))
    waiting = [(submission, VERIFIED), (submission, REJECTED)]
    done = checked(board, submission.id)
    for one, state in [*waiting, (done, WAITING), (done, WITHDRAWN), (done, DOUBTFUL), (done, "best of all")]:
        with pytest.raises(Refused, match="only what has been checked") as problem, board.database.write() as c:
            decide(c, one, state, "", actor="someone")
        assert problem.value.status == 409
    assert find(board, submission.id) == done
    assert last(board).action == "submitted"


def test_a_check_that_is_made_again(board: Board, team: Team, task: Task, packed: Path) -> None:
    submission = checked(board, accept(board, team, task, packed))
    with board.database.write() as connection:
        connection.execute(jobs.update().values(state="done", attempts=1))
        check_again(connection, submission, "someone")
        assert connection.execute(sa.select(jobs.c.state, jobs.c.attempts)).all() == [("queued", 0)]
    assert find(board, submission.id).state == WAITING
    entry = last(board)
    assert (entry.actor, entry.action, entry.subject) == ("someone", "to be checked again", submission.id)


def test_what_a_team_withdrew_does_not_come_back(board: Board, team: Team, task: Task, packed: Path) -> None:
    submission = checked(board, accept(board, team, task, packed))
    with board.database.write() as connection:
        withdraw(connection, submission, team.name)
    withdrawn = find(board, submission.id)
    for change in (
        lambda c: check_again(c, withdrawn, "someone"),
        lambda c: decide(c, withdrawn, VERIFIED, "", actor="someone"),
    ):
        with pytest.raises(Refused, match="withdrawn"), board.database.write() as connection:
            change(connection)
    assert find(board, submission.id).state == WITHDRAWN
