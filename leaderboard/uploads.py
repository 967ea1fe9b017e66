"""Bundles on their way in: in parts, from where the last one ended, whatever happened in between."""

import fcntl
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from imedbench.submission.bundle import sha256_of
from leaderboard.board import Board
from leaderboard.database import submissions, uploads
from leaderboard.settings import Settings
from leaderboard.submissions import accept, submitted_today
from leaderboard.tasks import Task, find_task
from leaderboard.teams import DAY, Refused, Team, new_id


@dataclass(frozen=True, slots=True)
class Upload:
    """A bundle that is being sent."""

    id: str
    team: str
    task: str
    bytes: int
    sha256: str
    submission: str | None
    """What it has become."""


def begin(board: Board, team: Team, task: Task, claim: tuple[int, str]) -> Upload:
    """Makes room for a bundle; the same bundle of the same team goes on where it was.

    Args:
        board: that takes it.
        team: who sends it.
        task: that it is for.
        claim: its bytes and its SHA-256.

    Raises:
        Refused: the task takes none, it is too large, it was submitted before, or the team has sent too many.
    """
    size, sha256 = claim
    if task.closed or task.hidden:
        message = f"the task {task.id} " + (
            "is closed." if task.closed else "is played turn by turn: its truth is hidden."
        )
        raise Refused(message, 409)
    if size > board.settings.largest_bundle:
        message = f"{size:,} bytes, and at most {board.settings.largest_bundle:,} are taken."
        raise Refused(message, 413)
    with board.database.write() as connection:
        mine = (uploads.c.team_id == team.id) & (uploads.c.task_id == task.id) & (uploads.c.sha256 == sha256)
        row = connection.execute(sa.select(uploads).where(mine)).first()
        if row is not None and row.bytes != size:
            message = f"this bundle was announced with {row.bytes:,} bytes before; cancel that upload first."
            raise Refused(message, 409)
        if row is not None:
            return _upload(row)
        same = (submissions.c.task_id == task.id) & (submissions.c.sha256 == sha256)
        known = connection.execute(sa.select(submissions.c.id).where(same)).scalar()
        if known:
            message = f"this bundle has been submitted already, as {known}."
            raise Refused(message, 409)
        _check_quota(connection, board.settings, team)
        upload = Upload(new_id(), team.id, task.id, size, sha256, None)
        fields = {"id": upload.id, "team_id": team.id, "task_id": task.id, "bytes": size, "sha256": sha256}
        connection.execute(uploads.insert().values(**fields, created=time.time()))
    return upload


def _check_quota(connection: sa.Connection, settings: Settings, team: Team) -> None:
    unfinished = (uploads.c.team_id == team.id) & uploads.c.submission_id.is_(None)
    count = connection.execute(sa.select(sa.func.count()).select_from(uploads).where(unfinished)).scalar() or 0
    if count >= settings.uploads_open:
        message = f"{count} uploads of {team.name} are not finished; finish or cancel them first."
        raise Refused(message, 429)
    if submitted_today(connection, team) >= settings.uploads_a_day:
        message = f"{team.name} has made {settings.uploads_a_day} submissions in the last day; try again tomorrow."
        raise Refused(message, 429)


def find_upload(connection: sa.Connection, team: Team, identity: str) -> Upload:
    """A team's upload.

    Raises:
        Refused: the team has none of this id.
    """
    row = connection.execute(sa.select(uploads).where(uploads.c.id == identity, uploads.c.team_id == team.id)).first()
    if row is None:
        message = "there is no such upload; begin it again."
        raise Refused(message, 404)
    return _upload(row)


def offset_of(board: Board, upload: Upload) -> int:
    """Bytes that have arrived; those of the file, whatever was written down."""
    if upload.submission is not None:
        return upload.bytes
    path = part_path(board, upload)
    return path.stat().st_size if path.exists() else 0


def part_path(board: Board, upload: Upload) -> Path:
    """Where what has arrived is kept."""
    return board.settings.uploads / f"{upload.id}.part"


def append(board: Board, upload: Upload, offset: int, chunk: bytes) -> int:
    """Adds bytes at the end; returns how many there are now.

    Raises:
        Refused: they do not begin where the last ones ended, or go beyond what was announced; nothing is written.
    """
    if upload.submission is not None:
        message = f"this upload is complete; it has become {upload.submission}."
        raise Refused(message, 409)
    with part_path(board, upload).open("ab") as file:
        # One writer at a time, of threads too: of two that send the same bytes the second is told that they are there.
        fcntl.flock(file, fcntl.LOCK_EX)
        there = file.seek(0, os.SEEK_END)
        if offset != there or there + len(chunk) > upload.bytes:
            message = f"{there} bytes of {upload.bytes} have arrived, and this begins at {offset}; go on from {there}."
            raise Refused(message, 409)
        file.write(chunk)
    return there + len(chunk)


def complete(board: Board, team: Team, upload: Upload) -> str:
    """Makes a submission of an upload that has arrived; returns its id, the same however often it is asked.

    Raises:
        Refused: bytes are missing, or what arrived is not what was announced, or is no bundle; it is forgotten then.
    """
    # It may have been asked for twice at once, or have been cut off between the last commit and its answer.
    if (known := _become(board, team, upload)) is not None:
        return known
    if (there := offset_of(board, upload)) != upload.bytes:
        message = f"{there} bytes of {upload.bytes} have arrived; send the rest first."
        raise Refused(message, 409)
    with board.database.read() as connection:
        task = find_task(connection, upload.task)
    path = part_path(board, upload)
    try:
        if sha256_of(path) != upload.sha256:
            message = "what arrived is not what was announced; begin the upload again."
            raise Refused(message)
        identity = accept(board, team, task, path, upload=upload.id)
    except (Refused, FileNotFoundError):
        if (known := _become(board, team, upload)) is not None:
            return known
        cancel(board, upload)
        raise
    path.unlink(missing_ok=True)
    return identity


def _become(board: Board, team: Team, upload: Upload) -> str | None:
    """The submission that an upload has become by now; what it was made of is gone then."""
    with board.database.read() as connection:
        known = find_upload(connection, team, upload.id).submission
    if known is not None:
        part_path(board, upload).unlink(missing_ok=True)
    return known


def cancel(board: Board, upload: Upload) -> None:
    """Forgets an upload."""
    part_path(board, upload).unlink(missing_ok=True)
    with board.database.write() as connection:
        connection.execute(uploads.delete().where(uploads.c.id == upload.id, uploads.c.submission_id.is_(None)))


def forget_old(board: Board) -> int:
    """Forgets uploads that were begun long ago, and what killed processes have left; returns how many uploads."""
    limit = time.time() - board.settings.upload_days * DAY
    with board.database.read() as connection:
        old = (uploads.c.submission_id.is_(None)) & (uploads.c.created < limit)
        found = [_upload(row) for row in connection.execute(sa.select(uploads).where(old))]
        kept = {f"{name}.part" for name in connection.execute(sa.select(uploads.c.id)).scalars()}
    for upload in found:
        cancel(board, upload)
    for path in board.settings.uploads.iterdir():
        if path.name not in kept and path.stat().st_mtime < limit:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return len(found)


def _upload(row: sa.Row[tuple[object, ...]]) -> Upload:
    return Upload(row.id, row.team_id, row.task_id, row.bytes, row.sha256, row.submission_id)
