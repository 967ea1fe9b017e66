"""Runs on this machine as the first submissions of a leaderboard, with tasks made of what they were asked."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from imedbench.evaluate.data import On, Subset
from imedbench.evaluate.plan import read_plan
from imedbench.evaluate.results import Results
from imedbench.store import Store
from imedbench.submission.prepare import prepare
from leaderboard import teams
from leaderboard.addresses import slug
from leaderboard.board import Board
from leaderboard.submissions import accept
from leaderboard.tasks import NewTask, Task, add_task, list_tasks

LONGEST = 32
"""Of a task's address."""


@dataclass(frozen=True, slots=True)
class Seeded:
    """What became of a run."""

    results: Path
    task: str
    submission: str
    """Empty where it was submitted before."""
    told: str = ""
    """Why it was not taken."""


def seed(board: Board, runs: Sequence[Path], team: str) -> Iterator[Seeded]:
    """Submits runs, in the name of a team that is made where there is none; their checks are queued.

    Args:
        board: that takes them.
        runs: results folders of finished runs, whose data are still where they were.
        team: its name.

    Raises:
        BadResults: a folder holds no finished run.
        BadStore: its data are gone.
    """
    with board.database.write() as connection:
        try:
            ours = teams.find_team(connection, team)
        except teams.Refused:
            ours = teams.add_team(connection, team)
    for folder in runs:
        results = Results.open(folder)
        with board.database.write() as connection:
            task = _task_of(connection, results)
        with tempfile.TemporaryDirectory(dir=board.settings.uploads, prefix=".seed-") as place:
            bundle = prepare(folder, Path(place), {})
            try:
                yield Seeded(folder, task.id, accept(board, ours, task, bundle))
            except teams.Refused as problem:
                yield Seeded(folder, task.id, "", str(problem))


def _task_of(connection: sa.Connection, results: Results) -> Task:
    """The task that asks what the run was asked; a new one where there is none."""
    store = Store.open(results.data)
    plan = read_plan(store, results.run)
    told = dict(results.run["subset"])
    wanted = (plan.protocol.digest(), plan.spoiled.digest(), results.run["data_digest"])
    subset = (told["split"], tuple(told["targets"]), told["limit"], plan.dimension)
    known = list_tasks(connection)
    for task in known:
        asked = task.asked
        same = (asked.protocol_digest, asked.prompts_digest, asked.data_digest)
        if same == wanted and (asked.split, asked.targets, asked.limit, asked.dimension) == subset:
            return task
    title = f"{store.info.name}, {plan.protocol.id}, {plan.spoiled.name} users"
    name = slug(f"{store.info.name}-{plan.protocol.id}-{plan.spoiled.name}")[:LONGEST].strip("-")
    taken = {task.id for task in known}
    free = next(each for each in _numbered(name) if each not in taken)
    on: On = "pictures" if plan.dimension == 2 else "volumes"
    new = NewTask(
        free,
        title,
        store.path,
        plan.protocol,
        plan.spoiled,
        subset=Subset(told["split"], on, tuple(told["targets"]), told["limit"]),
        summary=plan.protocol.summary,
    )
    return add_task(connection, new)


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name[: LONGEST - 4].strip('-')}-{number}"
        number += 1
