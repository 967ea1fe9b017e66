"""Two submissions to one task: on what they differ, and how sure that is."""

import math
from dataclasses import dataclass

import sqlalchemy as sa

from imedbench.evaluate.report.sheets import Column, Mean
from leaderboard import queries
from leaderboard.board import Board
from leaderboard.details import Session, sessions_of
from leaderboard.queries import View
from leaderboard.ranking import difference
from leaderboard.submissions import Submission
from leaderboard.tasks import Task

LARGEST = 10
"""Sessions that are told one by one, each way."""


@dataclass(frozen=True, slots=True)
class Line:
    """A metric or a curve under an arm."""

    prompts: str
    column: Column
    first: Mean
    second: Mean
    difference: Mean
    """The first less the second; its interval is of pairs."""

    @property
    def winner(self) -> int:
        """0 or 1 where one of them is better beyond chance, else -1."""
        low, high = self.difference.low, self.difference.high
        if math.isnan(low) or low <= 0 <= high:
            return -1
        return 0 if (low > 0) == (self.column.better > 0) else 1


@dataclass(frozen=True, slots=True)
class Compared:
    """What there is to say of both."""

    lines: tuple[Line, ...]
    column: Column
    """Of the first metric, by which sessions are compared."""
    largest: tuple[tuple[Session, float, float], ...]
    """Sessions in which they differ most, with both values; the first one's best first."""


def compare(board: Board, connection: sa.Connection, task: Task, pair: tuple[Submission, Submission]) -> Compared:
    """Puts two submissions beside each other."""
    held = [queries.means_of(connection, each.id) for each in pair]
    lines = []
    for arm in task.protocol.arms:
        for label in queries.labels_of(task.protocol):
            view = View(arm.name, label)
            first, second = (each.get((arm.name, label, "", queries.final_turn(task, view))) for each in held)
            drawn = [queries.draws_of(connection, view, each.id) for each in pair]
            if first is None or second is None or drawn[0] is None or drawn[1] is None:
                continue
            known = not math.isnan(first.low)
            low, high = difference(drawn[0], drawn[1]) if known else (math.nan, math.nan)
            apart = Mean(first.mean - second.mean, low, high, min(first.sessions, second.sessions))
            lines.append(Line(arm.name, queries.column_of(task, view), first, second, apart))
    view = queries.first_view(task)
    return Compared(tuple(lines), queries.column_of(task, view), _largest(board, task, pair))


def _largest(board: Board, task: Task, pair: tuple[Submission, Submission]) -> tuple[tuple[Session, float, float], ...]:
    metric = task.protocol.metrics[0].label
    first, second = (
        {each.key: each for each in sessions_of(board.settings.checked / one.id, task) if not each.failed}
        for one in pair
    )
    both = [
        (each, each.values[metric], second[key].values[metric])
        for key, each in first.items()
        if key in second and math.isfinite(each.values[metric]) and math.isfinite(second[key].values[metric])
    ]
    both.sort(key=lambda one: one[2] - one[1])
    apart = [one for one in both if one[1] != one[2]]
    return tuple(apart if len(apart) <= 2 * LARGEST else [*apart[:LARGEST], *apart[-LARGEST:]])
