"""What pages and the JSON API show, read from the database."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import sqlalchemy as sa

from imedbench.evaluate.protocol import Arm, Protocol
from imedbench.evaluate.report.sheets import Column, Mean
from imedbench.evaluate.report.words import EFFORTS, curve_columns, metric_column
from leaderboard.database import audit, draws, means, submissions, teams
from leaderboard.ranking import Draws, Rank, rank
from leaderboard.submissions import VERIFIED, WAITING
from leaderboard.tasks import Task, list_tasks

COMPARED = 12
"""Of a task, the first models, each pair of which has a page in an export."""
SORTS = {"rank": "score", "effort": "user's time", "seconds": "model's time", "name": "name", "date": "date"}
"""What a table may be sorted by, and how the heading calls it."""


@dataclass(frozen=True, slots=True)
class View:
    """What of a task is looked at."""

    prompts: str
    """Name of an arm."""
    metric: str
    """Label of a metric or a curve."""
    modality: str = ""
    """Empty for all."""
    sort: str = "rank"


@dataclass(frozen=True, slots=True)
class Entry:
    """What tables and curves need to know of a submission."""

    id: str
    name: str
    """Of the model."""
    team: str
    received: float
    """Seconds since 1970."""
    sees_truth: bool
    """Whether its model is shown the truth: it is there for comparison only."""


@dataclass(frozen=True, slots=True)
class Row:
    """A submission in a table."""

    entry: Entry
    score: Mean
    rank: Rank | None
    """None where its model is shown the truth, or where nothing is known of how patients differ."""
    efforts: Mapping[str, float]
    """Means over sessions, by kind."""


@dataclass(frozen=True, slots=True)
class Table:
    """The submissions to a task, seen one way."""

    view: View
    column: Column
    """How the metric is called and written."""
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """A task in the list of all."""

    task: Task
    table: Table
    """Its first view."""
    waiting: int
    """Submissions that are not checked yet."""


def revision(connection: sa.Connection) -> int:
    """Grows with everything that changes a page."""
    return int(connection.execute(sa.select(sa.func.max(audit.c.id))).scalar() or 0)


def arms_of(task: Task) -> tuple[Arm, ...]:
    """The ways of prompting that a task has."""
    return task.protocol.arms


def labels_of(protocol: Protocol) -> tuple[str, ...]:
    """The metrics and curves that a protocol has."""
    return (*(spec.label for spec in protocol.metrics), *(spec.label for spec in protocol.curves))


def first_view(task: Task) -> View:
    """What a task is looked at first by."""
    return View(task.protocol.arms[0].name, task.protocol.metrics[0].label)


def views_of(task: Task) -> list[View]:
    """All ways to look at a task."""
    modalities = ["", *task.facts["modalities"]] if len(task.facts["modalities"]) > 1 else [""]
    arms = [arm.name for arm in arms_of(task)]
    every = product(arms, labels_of(task.protocol), modalities, SORTS)
    return [View(*each) for each in every if _held(task, each[0], each[1])]


def _held(task: Task, arm_name: str, label: str) -> bool:
    """Whether a metric or a curve exists under an arm: of one turn there is no curve."""
    curve = label in {spec.label for spec in task.protocol.curves}
    return not curve or arm_of(task, arm_name).turns > 1


def arm_of(task: Task, name: str) -> Arm:
    """The arm of this name, which there is."""
    return next(arm for arm in task.protocol.arms if arm.name == name)


def column_of(task: Task, view: View) -> Column:
    """The heading of the view's metric or curve."""
    for spec in task.protocol.metrics:
        if spec.label == view.metric:
            return metric_column(spec)
    curve = next(spec for spec in task.protocol.curves if spec.label == view.metric)
    return curve_columns(curve, task.protocol, arm_of(task, view.prompts))[0]


def final_turn(task: Task, view: View) -> int:
    """Where in ``means`` the final value of the view stands."""
    metrics = {spec.label for spec in task.protocol.metrics}
    return arm_of(task, view.prompts).turns if view.metric in metrics and not view.modality else 0


def table_of(connection: sa.Connection, task: Task, view: View) -> Table:
    """The verified submissions that were asked what the view shows, in its order."""
    held = entries_of(connection, task)
    scores = _scores(connection, task, view, held)
    efforts = _efforts(connection, view.prompts, held)
    column = column_of(task, view)
    rankable = [name for name, score in scores.items() if not held[name].sees_truth and not math.isnan(score.low)]
    ranked = rank(_draws(connection, view, rankable), column.better)
    rows = [Row(held[name], score, ranked.get(name), efforts.get(name, {})) for name, score in scores.items()]
    return Table(view, column, tuple(sorted(rows, key=lambda row: _order(row, view.sort, column.better))))


def entries_of(connection: sa.Connection, task: Task) -> dict[str, Entry]:
    """The verified submissions to a task, by id."""
    query = (
        sa.select(submissions.c.id, submissions.c.about, submissions.c.received, submissions.c.sees_truth, teams.c.name)
        .join(teams, teams.c.id == submissions.c.team_id)
        .where(submissions.c.task_id == task.id, submissions.c.state == VERIFIED)
    )
    return {
        row.id: Entry(row.id, row.about["name"], row.name, row.received, row.sees_truth)
        for row in connection.execute(query)
    }


def _order(row: Row, sort: str, better: int) -> tuple[Any, ...]:
    """Ranked models first, unless the table is by name or date."""
    mean = row.score.mean
    entry = row.entry
    score = (math.isnan(mean), -better * mean, entry.name, entry.id)
    if sort == "name":
        return (entry.name.casefold(), entry.id)
    if sort == "date":
        return (-entry.received, entry.id)
    if sort in ("effort", "seconds"):
        spent = row.efforts.get("effort_s" if sort == "effort" else "seconds")
        return (spent is None, spent or 0.0, *score)
    return (entry.sees_truth, row.rank.place if row.rank else 0, *score)


def _scores(connection: sa.Connection, task: Task, view: View, held: Mapping[str, Entry]) -> dict[str, Mean]:
    wanted = (means.c.prompts == view.prompts) & (means.c.metric == view.metric) & (means.c.modality == view.modality)
    query = sa.select(means).where(wanted, means.c.turn == final_turn(task, view))
    found = connection.execute(query.where(means.c.submission_id.in_(list(held))))
    return {row.submission_id: _mean(row) for row in found}


def _efforts(connection: sa.Connection, prompts: str, held: Mapping[str, Entry]) -> dict[str, dict[str, float]]:
    wanted = (means.c.prompts == prompts) & means.c.metric.in_(list(EFFORTS)) & (means.c.turn == 0)
    found: dict[str, dict[str, float]] = {}
    for row in connection.execute(sa.select(means).where(wanted, means.c.submission_id.in_(list(held)))):
        found.setdefault(row.submission_id, {})[row.metric] = _number(row.mean)
    return found


def _draws(connection: sa.Connection, view: View, wanted: Sequence[str]) -> dict[str, Draws]:
    mine = (draws.c.prompts == view.prompts) & (draws.c.metric == view.metric) & (draws.c.modality == view.modality)
    query = sa.select(draws.c.submission_id, draws.c["values"]).where(mine, draws.c.submission_id.in_(list(wanted)))
    return {row.submission_id: np.frombuffer(row[1], "<f4") for row in connection.execute(query)}


def draws_of(connection: sa.Connection, view: View, submission: str) -> Draws | None:
    """The final means of a submission in the bootstrap samples; None where it was not asked what the view shows."""
    return _draws(connection, view, [submission]).get(submission)


def curves_of(
    connection: sa.Connection, metric: str, wanted: Sequence[str]
) -> dict[tuple[str, str], list[tuple[int, Mean]]]:
    """A metric over the turns, by submission and arm; all modalities."""
    query = (
        sa.select(means)
        .where(means.c.metric == metric, means.c.modality == "", means.c.turn > 0)
        .where(means.c.submission_id.in_(list(wanted)))
        .order_by(means.c.turn)
    )
    found: dict[tuple[str, str], list[tuple[int, Mean]]] = {}
    for row in connection.execute(query):
        found.setdefault((row.submission_id, row.prompts), []).append((row.turn, _mean(row)))
    return found


def means_of(connection: sa.Connection, submission: str) -> dict[tuple[str, str, str, int], Mean]:
    """Every mean of a submission, by arm, metric, modality and turn."""
    query = sa.select(means).where(means.c.submission_id == submission)
    return {(row.prompts, row.metric, row.modality, row.turn): _mean(row) for row in connection.execute(query)}


def _mean(row: sa.Row[Any]) -> Mean:
    return Mean(_number(row.mean), _number(row.low), _number(row.high), row.sessions, row.failed, row.undefined)


def _number(value: float | None) -> float:
    """What the database has no word for is NaN."""
    return math.nan if value is None else value


def overview(connection: sa.Connection) -> list[Overview]:
    """Every task with its first table."""
    waiting = waiting_of(connection)
    return [
        Overview(task, table_of(connection, task, first_view(task)), waiting.get(task.id, 0))
        for task in list_tasks(connection)
    ]


def waiting_of(connection: sa.Connection) -> dict[str, int]:
    """How many submissions to each task are not checked yet; tasks without any are not in it."""
    count = sa.select(submissions.c.task_id, sa.func.count()).where(submissions.c.state == WAITING)
    return {row[0]: row[1] for row in connection.execute(count.group_by(submissions.c.task_id))}


def siblings_of(connection: sa.Connection, task: Task) -> list[Task]:
    """Tasks on the same data under the same protocol, whose users are better or worse; itself among them."""
    return [
        each
        for each in list_tasks(connection)
        if replace(each.asked, prompts_digest=task.asked.prompts_digest) == task.asked
    ]
