import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imedbench.submission.bundle import sha256_of
from leaderboard import submissions as accepting
from leaderboard.board import Board
from leaderboard.database import uploads as table
from leaderboard.submissions import find_submission, list_submissions, withdraw
from leaderboard.tasks import Task
from leaderboard.teams import DAY, Refused, Team, add_team
from leaderboard.uploads import (
    Upload,
    append,
    begin,
    cancel,
    complete,
    find_upload,
    forget_old,
    offset_of,
    part_path,
)

CLAIM = (5, "0" * 64)


@pytest.fixture
def upload(board: Board, team: Team, task: Task, packed: Path) -> Upload:
    return begin(board, team, task, (packed.stat().st_size, sha256_of(packed)))


def again(board: Board, team: Team, upload: Upload) -> Upload:
    with board.database.read() as connection:
        return find_upload(connection, team, upload.id)


def count(board: Board) -> tuple[int, int, int]:
    """Uploads and submissions that are written down, and files that wait."""
    with board.database.read() as connection:
        begun = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() or 0
        return begun, len(list_submissions(connection)), len(list(board.settings.uploads.iterdir()))


def refusal(action: Callable[..., Any], *args: Any) -> Refused:
    with pytest.raises(Refused) as problem:
        action(*args)
    return problem.value


def test_a_bundle_arrives_in_parts(board: Board, team: Team, upload: Upload, packed: Path) -> None:
    content = packed.read_bytes()
    assert offset_of(board, upload) == 0
    for place in range(0, len(content), 9000):
        there = append(board, upload, place, content[place : place + 9000])
        assert there == offset_of(board, upload) == min(place + 9000, len(content))
    identity = complete(board, team, upload)
    assert count(board) == (1, 1, 0)
    done = again(board, team, upload)
    assert (done.submission, offset_of(board, done)) == (identity, len(content))
    with board.database.read() as connection:
        kept = board.settings.bundle(find_submission(connection, identity).sha256)
    assert kept.read_bytes() == content


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(parts=st.lists(st.tuples(st.integers(1, 2**14), st.floats(0, 1)), max_size=8))
def test_it_goes_on_after_any_interruption(
    board: Board, team: Team, upload: Upload, packed: Path, parts: list[tuple[int, float]]
) -> None:
    """Whatever share of a part reached the disk."""
    content, path = packed.read_bytes(), part_path(board, upload)
    path.unlink(missing_ok=True)
    for size, arrived in parts:
        there = offset_of(board, again(board, team, upload))
        end = append(board, upload, there, content[there : there + size])
        os.truncate(path, there + round(arrived * (end - there)))
    there = offset_of(board, upload)
    append(board, upload, there, content[there:])
    assert path.read_bytes() == content


@pytest.mark.parametrize("offset", [0, 1, 100, 4999, 5001, 10**12])
def test_a_part_that_does_not_begin_at_the_end(board: Board, upload: Upload, packed: Path, offset: int) -> None:
    content = packed.read_bytes()
    append(board, upload, 0, content[:5000])
    problem = refusal(append, board, upload, offset, content[offset : offset + 100])
    assert problem.status == 409
    assert "go on from 5000" in str(problem)
    assert part_path(board, upload).read_bytes() == content[:5000]


def test_more_than_was_announced(board: Board, upload: Upload, packed: Path) -> None:
    content = packed.read_bytes()
    append(board, upload, 0, content[:-1])
    for extra in (b"xy", bytes(10**6)):
        assert refusal(append, board, upload, len(content) - 1, extra).status == 409
    assert part_path(board, upload).read_bytes() == content[:-1]


class Slow(bytes):
    """Bytes that are being written when others come."""

    def __len__(self) -> int:
        time.sleep(0.05)
        return super().__len__()


def test_the_same_part_twice_at_once_is_there_once(board: Board, upload: Upload, packed: Path) -> None:
    part = Slow(packed.read_bytes()[:1000])

    def send(_: int) -> int:
        try:
            append(board, upload, 0, part)
        except Refused as problem:
            return problem.status
        return 200

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(send, range(6))) == [200] + [409] * 5
    assert part_path(board, upload).read_bytes() == bytes(part)


def test_nothing_is_added_to_what_has_become_a_submission(
    board: Board, team: Team, upload: Upload, packed: Path
) -> None:
    append(board, upload, 0, packed.read_bytes())
    complete(board, team, upload)
    assert refusal(append, board, again(board, team, upload), 0, b"more").status == 409
    assert count(board) == (1, 1, 0)


def test_the_same_bundle_goes_on_where_it_was(board: Board, team: Team, task: Task, upload: Upload) -> None:
    append(board, upload, 0, b"begun")
    found = begin(board, team, task, (upload.bytes, upload.sha256))
    assert found == upload
    assert offset_of(board, found) == 5


def test_completed_too_early(board: Board, team: Team, upload: Upload, packed: Path) -> None:
    assert refusal(complete, board, team, upload).status == 409
    append(board, upload, 0, packed.read_bytes()[:-1])
    problem = refusal(complete, board, team, upload)
    assert problem.status == 409
    assert "send the rest first" in str(problem)
    append(board, upload, upload.bytes - 1, packed.read_bytes()[-1:])
    assert complete(board, team, upload)


def test_completed_twice(board: Board, team: Team, task: Task, upload: Upload, packed: Path) -> None:
    append(board, upload, 0, packed.read_bytes())
    identity = complete(board, team, upload)
    assert complete(board, team, again(board, team, upload)) == identity
    assert complete(board, team, begin(board, team, task, (upload.bytes, upload.sha256))) == identity
    assert count(board) == (1, 1, 0)


def test_completed_twice_at_once(
    board: Board, team: Team, upload: Upload, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender that had no answer asks again while the first request is still at it."""
    append(board, upload, 0, packed.read_bytes())
    together, real = threading.Barrier(2), accepting.inspect

    def inspect(*args: Any) -> Any:
        bundle = real(*args)
        together.wait(5)
        return bundle

    monkeypatch.setattr(accepting, "inspect", inspect)
    with ThreadPoolExecutor(2) as pool:
        first, second = (pool.submit(complete, board, team, upload) for _ in range(2))
        assert first.result() == second.result()
    assert count(board) == (1, 1, 0)


def test_completed_again_by_who_had_looked_it_up_before(board: Board, team: Team, upload: Upload, packed: Path) -> None:
    append(board, upload, 0, packed.read_bytes())
    assert complete(board, team, upload) == complete(board, team, upload)
    assert count(board) == (1, 1, 0)


@pytest.mark.parametrize(
    ("content", "status", "reason"), [(b"hello", 422, "not what was announced"), (b"PK\x03\x04x", 422, "damaged")]
)
def test_what_is_no_bundle_is_forgotten(
    board: Board, team: Team, task: Task, tmp_path: Path, content: bytes, status: int, reason: str
) -> None:
    path = tmp_path / "it"
    path.write_bytes(b"other" if reason.startswith("not") else content)
    upload = begin(board, team, task, (5, sha256_of(path)))
    append(board, upload, 0, content)
    problem = refusal(complete, board, team, upload)
    assert problem.status == status
    assert reason in str(problem)
    assert count(board) == (0, 0, 0)
    assert list(board.settings.bundles.iterdir()) == []
    assert refusal(again, board, team, upload).status == 404


def test_a_crash_before_it_was_written_down(
    board: Board, team: Team, upload: Upload, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError("out of power")

    append(board, upload, 0, packed.read_bytes())
    monkeypatch.setattr(accepting, "enqueue", fail)
    with pytest.raises(OSError, match="out of power"):
        complete(board, team, upload)
    assert count(board) == (1, 0, 1)
    assert len(list(board.settings.bundles.iterdir())) == 1
    monkeypatch.undo()
    identity = complete(board, team, again(board, team, upload))
    assert again(board, team, upload).submission == identity
    assert count(board) == (1, 1, 0)


def test_a_crash_after_it_was_written_down(
    board: Board, team: Team, upload: Upload, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError("out of power")

    append(board, upload, 0, packed.read_bytes())
    with monkeypatch.context() as patched, pytest.raises(OSError, match="out of power"):
        patched.setattr(Path, "unlink", fail)
        complete(board, team, upload)
    identity = again(board, team, upload).submission
    assert identity
    assert complete(board, team, again(board, team, upload)) == identity
    assert count(board) == (1, 1, 0)


def test_what_one_team_submitted_is_no_other_teams(
    board: Board, team: Team, task: Task, upload: Upload, packed: Path
) -> None:
    append(board, upload, 0, packed.read_bytes())
    identity = complete(board, team, upload)
    with board.database.write() as connection:
        other = add_team(connection, "Theirs")
    problem = refusal(begin, board, other, task, (upload.bytes, upload.sha256))
    assert (problem.status, identity in str(problem)) == (409, True)
    assert refusal(again, board, other, upload).status == 404


def test_what_is_not_taken(open_board: Callable[..., Board], team: Team, task: Task) -> None:
    board = open_board(largest_bundle=1000)
    problems = [
        refusal(begin, board, team, one, claim)
        for one, claim in [
            (replace(task, closed=True), CLAIM),
            (replace(task, hidden=True), CLAIM),
            (task, (1001, "0" * 64)),
        ]
    ]
    assert [problem.status for problem in problems] == [409, 409, 413]
    assert [word in str(p) for word, p in zip(("closed", "turn by turn", "1,000"), problems, strict=True)] == [True] * 3
    assert count(board) == (0, 0, 0)


def test_a_task_that_was_closed_on_the_way(board: Board, team: Team, upload: Upload, packed: Path) -> None:
    append(board, upload, 0, packed.read_bytes())
    with board.database.write() as connection:
        connection.execute(sa.text("UPDATE tasks SET closed = 1"))
    assert refusal(complete, board, team, upload).status == 409
    assert count(board) == (0, 0, 0)


def test_how_many_may_be_on_their_way(open_board: Callable[..., Board], team: Team, task: Task) -> None:
    board = open_board(uploads_open=2)
    claims = [(5, f"{number:064}") for number in range(3)]
    first, _ = (begin(board, team, task, claim) for claim in claims[:2])
    problem = refusal(begin, board, team, task, claims[2])
    assert (problem.status, "2 uploads of Ours are not finished" in str(problem)) == (429, True)
    assert begin(board, team, task, claims[0]) == first
    with board.database.write() as connection:
        other = add_team(connection, "Theirs")
    begin(board, other, task, claims[2])
    cancel(board, first)
    begin(board, team, task, claims[2])


def test_how_many_submissions_a_day(
    open_board: Callable[..., Board], team: Team, task: Task, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = open_board(uploads_a_day=1)
    upload = begin(board, team, task, (packed.stat().st_size, sha256_of(packed)))
    append(board, upload, 0, packed.read_bytes())
    identity = complete(board, team, upload)
    assert refusal(begin, board, team, task, CLAIM).status == 429
    with board.database.write() as connection:
        withdraw(connection, find_submission(connection, identity), team.name)
    assert refusal(begin, board, team, task, CLAIM).status == 429
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + DAY + 1)
    assert begin(board, team, task, CLAIM).submission is None


def test_cancelling(board: Board, team: Team, upload: Upload, packed: Path) -> None:
    append(board, upload, 0, b"begun")
    cancel(board, upload)
    assert count(board) == (0, 0, 0)
    assert refusal(again, board, team, upload).status == 404


def test_what_has_become_a_submission_is_not_cancelled(board: Board, team: Team, upload: Upload, packed: Path) -> None:
    append(board, upload, 0, packed.read_bytes())
    identity = complete(board, team, upload)
    cancel(board, upload)
    assert again(board, team, upload).submission == identity


def test_old_ones_are_forgotten(
    board: Board, team: Team, task: Task, upload: Upload, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(board, upload, 0, packed.read_bytes())
    complete(board, team, upload)
    old = begin(board, team, task, CLAIM)
    append(board, old, 0, b"old")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 6.9 * DAY)
    new = begin(board, team, task, (5, "1" * 64))
    append(board, new, 0, b"new")
    assert forget_old(board) == 0
    monkeypatch.setattr(time, "time", lambda: now + 7.1 * DAY)
    assert forget_old(board) == 1
    assert refusal(again, board, team, old).status == 404
    assert [path.name for path in board.settings.uploads.iterdir()] == [part_path(board, new).name]
    assert again(board, team, upload).submission


def test_what_a_killed_service_left_is_forgotten_too(board: Board, team: Team, task: Task) -> None:
    """Half of what was being looked at, and parts of which nothing is written down."""
    look = board.settings.uploads / ".look-abc"
    look.mkdir()
    (look / "turns.parquet").write_bytes(b"half")
    orphan = board.settings.uploads / "0123456789ab.part"
    orphan.write_bytes(b"half")
    new = begin(board, team, task, CLAIM)
    append(board, new, 0, b"new")
    for path in (look / "turns.parquet", look, orphan):
        os.utime(path, (0, 0))
    forget_old(board)
    assert [path.name for path in board.settings.uploads.iterdir()] == [part_path(board, new).name]
