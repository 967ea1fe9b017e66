"""Writes all pages as files, for any web server, a mail or an archive: same addresses, same numbers, no service."""

import json
import shutil
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from imedbench.report.page import write_page
from leaderboard import documents, pages, queries
from leaderboard.addresses import (
    OVERVIEW,
    STYLE,
    TAKE_PART,
    Addresses,
    compare_address,
    json_address,
    submission_address,
    targets_address,
)
from leaderboard.board import Board
from leaderboard.submissions import Submission, list_submissions
from leaderboard.tasks import Task, list_tasks

Page = tuple[str, str]
"""Where it is, and its text."""


def export(board: Board, out: Path, progress: Callable[[int], None] = lambda _: None) -> int:
    """Writes the leaderboard into a folder that is empty, or holds an earlier export; returns how many files.

    Args:
        board: that is written.
        out: the folder.
        progress: told of every file.

    Raises:
        FileExistsError: the folder holds something else.
    """
    if out.exists() and any(out.iterdir()) and not (out / STYLE).exists():
        raise FileExistsError(17, "holds other files than an exported leaderboard", str(out))
    out = out.resolve()
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with board.database.read() as connection:
            count = _write(_pages(board, connection), partial, progress)
        _replace(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return count


def _write(found: Iterator[Page], folder: Path, progress: Callable[[int], None]) -> int:
    count = 0
    for count, (address, text) in enumerate(found, start=1):
        target = folder / address
        target.parent.mkdir(parents=True, exist_ok=True)
        write_page(text, target)
        progress(count)
    return count


def _replace(new: Path, out: Path) -> None:
    """Puts what is new into the folder, which may be the one that somebody stands in."""
    out.mkdir(parents=True, exist_ok=True)
    for old in out.iterdir():
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    for path in new.iterdir():
        path.rename(out / path.name)


def _pages(board: Board, connection: sa.Connection) -> Iterator[Page]:
    yield STYLE, pages.style()
    yield OVERVIEW, pages.overview_page(board, connection)
    yield TAKE_PART, pages.take_part_page(board, connection)
    yield json_address(OVERVIEW), _json(documents.index_document(connection, board.settings.name))
    for task in list_tasks(connection):
        yield from _task_pages(board, connection, task)
        for submission in list_submissions(connection, task.id):
            yield from _submission_pages(board, connection, submission)


def _task_pages(board: Board, connection: sa.Connection, task: Task) -> Iterator[Page]:
    for address, view in Addresses(task).views.items():
        yield address, pages.task_page(board, connection, task, view, copy=True)
        yield json_address(address), _json(documents.view_document(connection, task, view))
    first = {
        row.entry.id for row in queries.table_of(connection, task, queries.first_view(task)).rows[: queries.COMPARED]
    }
    shown = [each for each in list_submissions(connection, task.id) if each.id in first]
    for pair in combinations(shown, 2):
        address = compare_address(pair[0].id, pair[1].id)
        yield address, pages.compare_page(board, connection, *pair)
        yield json_address(address), _json(documents.pair_document(board, connection, pair))


def _submission_pages(board: Board, connection: sa.Connection, submission: Submission) -> Iterator[Page]:
    address = submission_address(submission.id)
    yield address, pages.submission_page(board, connection, submission)
    yield json_address(address), _json(documents.submission_document(connection, submission))
    number = 1
    while text := pages.targets_page(board, connection, submission, number):
        yield targets_address(submission.id, number), text
        number += 1


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
