"""What pages show, for programs: the same numbers as plain values."""

import math
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from imedbench.evaluate.report.sheets import Mean
from leaderboard import queries
from leaderboard.addresses import Addresses, json_address, submission_address
from leaderboard.board import Board
from leaderboard.comparison import compare
from leaderboard.queries import Table, View
from leaderboard.submissions import Submission
from leaderboard.tasks import Task, find_task

Document = dict[str, Any]


def index_document(connection: sa.Connection, name: str) -> Document:
    """All tasks, each with its first table."""
    return {
        "name": name,
        "tasks": [
            task_document(each.task) | {"table": table_document(each.table)} for each in queries.overview(connection)
        ],
    }


def task_document(task: Task) -> Document:
    """A task, and where all its views are."""
    return {
        "id": task.id,
        "title": task.title,
        "summary": task.summary,
        "hidden": task.hidden,
        "closed": task.closed,
        "protocol": task.protocol.id,
        "prompts": task.prompts.name,
        "asked": asdict(task.asked) | {"targets": list(task.asked.targets)},
        "data": dict(task.facts),
        "views": [asdict(view) | {"json": json_address(where)} for where, view in Addresses(task).views.items()],
    }


def table_document(table: Table) -> Document:
    """A table, in its order."""
    rows = [
        {
            "submission": row.entry.id,
            "model": row.entry.name,
            "team": row.entry.team,
            "received": row.entry.received,
            "sees_truth": row.entry.sees_truth,
            "rank": asdict(row.rank) if row.rank else None,
            "score": _mean(row.score),
            "effort": {name: _number(value) for name, value in row.efforts.items()},
            "json": json_address(submission_address(row.entry.id)),
        }
        for row in table.rows
    ]
    better = {1: "more", -1: "less", 0: "neither"}[table.column.better]
    return {"view": asdict(table.view), "metric": table.column.named, "better": better, "rows": rows}


def submission_document(connection: sa.Connection, submission: Submission) -> Document:
    """A submission with its verdict, its record and all its means."""
    means = queries.means_of(connection, submission.id)
    return {
        "id": submission.id,
        "team": submission.team.name,
        "task": submission.task,
        "about": dict(submission.about),
        "state": submission.state,
        "reason": submission.reason,
        "received": submission.received,
        "bytes": submission.bytes,
        "sha256": submission.sha256,
        "verdict": submission.verdict.to_json() if submission.verdict else None,
        "run": dict(submission.run),
        "means": [
            dict(zip(("prompts", "metric", "modality", "turn"), key, strict=True)) | _mean(mean)
            for key, mean in means.items()
        ],
    }


def view_document(connection: sa.Connection, task: Task, view: View) -> Document:
    """A task with its table, seen one way."""
    return task_document(task) | {"table": table_document(queries.table_of(connection, task, view))}


def pair_document(board: Board, connection: sa.Connection, pair: tuple[Submission, Submission]) -> Document:
    """Two submissions beside each other."""
    compared = compare(board, connection, find_task(connection, pair[0].task), pair)
    lines = [
        {
            "prompts": line.prompts,
            "metric": line.column.named,
            "first": _mean(line.first),
            "second": _mean(line.second),
            "difference": _mean(line.difference),
        }
        for line in compared.lines
    ]
    return {"first": pair[0].id, "second": pair[1].id, "scores": lines}


def _mean(mean: Mean) -> Document:
    values = {name: _number(getattr(mean, name)) for name in ("mean", "low", "high")}
    return {**values, "sessions": mean.sessions, "failed": mean.failed, "undefined": mean.undefined}


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None
