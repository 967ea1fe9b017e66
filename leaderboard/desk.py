"""What an organiser does, each in one step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import sqlalchemy as sa
from pydantic import TypeAdapter

from imedbench.evaluate.data import Subset
from imedbench.store import Store
from imedbench.submission.images import strip_truth
from leaderboard import audit, submissions, tasks, teams
from leaderboard.board import Board
from leaderboard.database import teams as team_table
from leaderboard.seed import Seeded, seed
from leaderboard.settings import Settings

ACTOR = "admin"


@dataclass(frozen=True, slots=True, eq=False)
class Desk:
    """An organiser's, of one leaderboard.

    Every step raises `leaderboard.teams.Refused` where what it names is not there, or it may not be.
    """

    board: Board

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Of a leaderboard that is there, or begins with this."""
        return cls(Board.open(settings))

    def add_team(self, name: str) -> str:
        """A new team's key."""
        with self.board.database.write() as connection:
            return teams.issue_key(connection, teams.add_team(connection, name, ACTOR), actor=ACTOR)

    def issue_key(self, name: str, days: float | None = None) -> str:
        """Another key of a team."""
        with self.board.database.write() as connection:
            return teams.issue_key(connection, teams.find_team(connection, name), days, ACTOR)

    def revoke_key(self, key_id: str) -> None:
        """Makes a key void."""
        with self.board.database.write() as connection:
            teams.revoke_key(connection, key_id, ACTOR)

    def bar_team(self, name: str, *, barred: bool) -> None:
        """Takes a team's right to submit, or gives it back."""
        with self.board.database.write() as connection:
            teams.bar_team(connection, teams.find_team(connection, name), barred=barred, actor=ACTOR)

    def add_task(self, new: tasks.NewTask) -> str:
        """Adds a task; says what it asks."""
        with self.board.database.write() as connection:
            task = tasks.add_task(connection, new, ACTOR)
        facts, kind = task.facts, "pictures" if task.asked.dimension == 2 else "volumes"
        return f"{task.id}: {facts['targets']:,} targets in {facts['cases']:,} {kind} of {facts['patients']:,} patients"

    def seed(self, runs: Sequence[Path], team: str) -> Iterator[Seeded]:
        """Submits runs of this machine."""
        return seed(self.board, runs, team)

    def write_images(self, name: str, out: Path) -> Path:
        """A task's images as a store without truth; returns where it is."""
        with self.board.database.read() as connection:
            task = tasks.find_task(connection, name)
        asked = task.asked
        subset = TypeAdapter(Subset).validate_python(
            {"split": asked.split, "on": "auto", "targets": asked.targets, "limit": asked.limit}
        )
        return strip_truth(Store.open(task.store), out, subset, asked.dimension).path

    def close_task(self, name: str, *, closed: bool) -> None:
        """Ends submissions to a task, or opens it again."""
        with self.board.database.write() as connection:
            tasks.close_task(connection, tasks.find_task(connection, name), closed=closed, actor=ACTOR)

    def decide(self, identity: str, state: str, reason: str) -> None:
        """Accepts or rejects what was checked."""
        with self.board.database.write() as connection:
            found = submissions.find_submission(connection, identity)
            submissions.decide(connection, found, state, reason, actor=ACTOR)

    def withdraw(self, identity: str, reason: str) -> None:
        """Takes a submission off the leaderboard."""
        with self.board.database.write() as connection:
            found = submissions.find_submission(connection, identity)
            submissions.withdraw(connection, found, ACTOR, reason or "withdrawn by the organisers")

    def check_again(self, identity: str) -> None:
        """Queues a submission's check once more."""
        with self.board.database.write() as connection:
            submissions.check_again(connection, submissions.find_submission(connection, identity), ACTOR)

    def lines(self) -> Iterator[str]:
        """Teams, tasks and submissions, a line each."""
        with self.board.database.read() as connection:
            for row in connection.execute(sa.select(team_table).order_by(team_table.c.name)):
                yield f"team        {row.name}{' (barred)' if row.barred else ''}"
            for task in tasks.list_tasks(connection):
                notes = [note for note, held in (("hidden", task.hidden), ("closed", task.closed)) if held]
                yield " ".join([f"task        {task.id}: {task.protocol.id}, {task.prompts.name}", *notes])
            for each in submissions.list_submissions(connection):
                reason = f" ({each.reason})" if each.reason else ""
                yield f"submission  {each.id} {each.state}{reason}: {each.name}, {each.team.name}, {each.task}"

    def log_lines(self, newest: int) -> Iterator[str]:
        """The log, a line an entry."""
        with self.board.database.read() as connection:
            for entry in audit.entries(connection, newest):
                when = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="seconds")
                detail = ", ".join(f"{name} {value}" for name, value in entry.detail.items() if value)
                yield f"{entry.id:6} {when} {entry.actor}: {entry.action} {entry.subject}" + (
                    f" ({detail})" if detail else ""
                )

    def broken(self) -> int | None:
        """The first entry of the log that does not follow from the one before it."""
        with self.board.database.read() as connection:
            return audit.broken(connection)
