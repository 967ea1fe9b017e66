"""Attempts at tasks whose truth is hidden: who may begin one, and how far it is."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from imedbench.errors import BadSubmission
from imedbench.evaluate.tasks import Across
from imedbench.models.base import Card
from imedbench.submission.about import About, refuse_tricks
from imedbench.submission.bundle import LIMITS
from leaderboard.audit import record
from leaderboard.board import Board
from leaderboard.play_tables import FINISHED, GIVEN_UP, OPEN, OVER, attempts, play_turns, plays
from leaderboard.sheets import Sheet, Which, sheet_of
from leaderboard.tasks import Task, find_task
from leaderboard.teams import DAY, Refused, Team, new_id


@dataclass(frozen=True, slots=True)
class Entrant:
    """What a team says of the model that will play."""

    about: About
    text: str
    """The model's card, in Markdown."""
    card: Card
    weights_sha256: str
    """Of the checkpoint; empty for a model without."""
    across: Across
    batch: int
    device: str
    versions: Mapping[str, str]
    """Of the programs that run it; ``imedbench`` among them."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A team plays a task from its first session to its last."""

    id: str
    team: str
    task: str
    about: Mapping[str, Any]
    record: Mapping[str, Any]
    """What else the team says, as in `Entrant`."""
    started: float
    """Seconds since 1970."""
    state: str
    submission: str | None
    """What it has become."""


@dataclass(frozen=True, eq=False)
class Game:
    """An attempt with all that it is about."""

    board: Board
    team: Team
    task: Task
    attempt: Attempt

    @cached_property
    def sheet(self) -> Sheet:
        """What it owes."""
        return sheet_of(self.task, self.attempt.record)


def begin(board: Board, team: Team, task: Task, entrant: Entrant) -> Game:
    """Begins an attempt; one of the same model that is open goes on.

    Raises:
        Refused: the task is open to bundles, or closed; the model cannot be asked it, or what is said of it cannot be
            shown; another attempt is open, or too many were begun.
    """
    _check_open(task)
    _check_entrant(entrant)
    told = _record(entrant)
    sheet_of(task, told)
    attempt = _find_or_begin(board, team, task, entrant)
    if not _same(attempt.record, told):
        message = f"the attempt {attempt.id} of another model is open; finish it or give it up first."
        raise Refused(message, 409)
    return Game(board, team, task, attempt)


def _find_or_begin(board: Board, team: Team, task: Task, entrant: Entrant) -> Attempt:
    def find() -> Attempt:
        with board.database.write() as connection:
            return _find_open(connection, team, task) or _begin(board, connection, (team, task), entrant)

    try:
        return find()
    except sa.exc.IntegrityError:
        # Another process was a moment faster.
        return find()


def _check_open(task: Task) -> None:
    if not task.hidden or task.closed:
        why = "is closed." if task.closed else "is not played turn by turn: evaluate it and send the bundle."
        message = f"the task {task.id} {why}"
        raise Refused(message, 409)


def _check_entrant(entrant: Entrant) -> None:
    """Refuses what no bundle may say, before hours are spent."""
    if entrant.card.sees_truth:
        message = f"{entrant.card.name} is shown the truth, which stays here; play with another model."
        raise Refused(message)
    if len(entrant.text.encode("utf-8", "replace")) > LIMITS.card:
        message = f"the card is larger than {LIMITS.card // 1024} KiB; shorten it."
        raise Refused(message)
    try:
        refuse_tricks(entrant.text, "the card", multiline=True)
        for text in _texts(_record(entrant)):
            refuse_tricks(text, "what is said of the model", multiline=True)
    except BadSubmission as problem:
        raise Refused(str(problem)) from problem


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts([*value, *value.values()])
    elif isinstance(value, Sequence):
        for each in value:
            yield from _texts(each)


def _record(entrant: Entrant) -> dict[str, Any]:
    # As JSON gives it back.
    told: dict[str, Any] = json.loads(
        json.dumps(
            {
                "text": entrant.text,
                "card": asdict(entrant.card),
                "weights_sha256": entrant.weights_sha256,
                "across": entrant.across,
                "batch": entrant.batch,
                "device": entrant.device,
                "versions": dict(entrant.versions),
            }
        )
    )
    return told


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether both are of one model that is asked in one way; where it runs may change on the way."""
    return all(one[name] == other[name] for name in ("card", "weights_sha256", "across", "batch"))


def _begin(board: Board, connection: sa.Connection, who: tuple[Team, Task], entrant: Entrant) -> Attempt:
    team, task = who
    now = time.time()
    mine = (attempts.c.team_id == team.id) & (attempts.c.task_id == task.id) & (attempts.c.started > now - DAY)
    count = connection.execute(sa.select(sa.func.count()).select_from(attempts).where(mine)).scalar() or 0
    if count >= board.settings.plays_a_day:
        message = f"{team.name} has begun {count} attempts at {task.id} in the last day; try again tomorrow."
        # Not 429, after which a program tries again at once.
        raise Refused(message, 403)
    told = _record(entrant)
    attempt = Attempt(new_id(), team.id, task.id, entrant.about.model_dump(), told, now, OPEN, None)
    connection.execute(
        attempts.insert().values(
            id=attempt.id,
            team_id=team.id,
            task_id=task.id,
            about=attempt.about,
            record=told,
            started=now,
            state=OPEN,
        )
    )
    record(connection, team.name, "attempt begun", attempt.id, task=task.id, model=entrant.card.name)
    return attempt


def _find_open(connection: sa.Connection, team: Team, task: Task) -> Attempt | None:
    mine = (attempts.c.team_id == team.id) & (attempts.c.task_id == task.id) & (attempts.c.state == OPEN)
    row = connection.execute(sa.select(attempts).where(mine)).first()
    return None if row is None else _attempt(row)


def _attempt(row: sa.Row[Any]) -> Attempt:
    return Attempt(row.id, row.team_id, row.task_id, row.about, row.record, row.started, row.state, row.submission_id)


def find_game(board: Board, team: Team, identity: str) -> Game:
    """A team's attempt.

    Raises:
        Refused: the team has none of this id.
    """
    mine = (attempts.c.id == identity) & (attempts.c.team_id == team.id)
    with board.database.read() as connection:
        row = connection.execute(sa.select(attempts).where(mine)).first()
        if row is None:
            message = "there is no such attempt."
            raise Refused(message, 404)
        return Game(board, team, find_task(connection, row.task_id), _attempt(row))


def check_playable(game: Game) -> None:
    """Passes where the attempt may go on.

    Raises:
        Refused: it has ended, or its task is closed.
    """
    _check_open(game.task)
    if game.attempt.state != OPEN:
        message = f"this attempt is {game.attempt.state}."
        raise Refused(message, 409)


def give_up(game: Game) -> None:
    """Ends an attempt without a submission; it counts all the same.

    Raises:
        Refused: it has become a submission.
    """
    mine = (attempts.c.id == game.attempt.id) & (attempts.c.state == OPEN)
    with game.board.database.write() as connection:
        if connection.execute(attempts.update().where(mine).values(state=GIVEN_UP, finished=time.time())).rowcount:
            forget_guesses(connection, game.attempt)
            record(connection, game.team.name, "attempt given up", game.attempt.id, task=game.task.id)
            return
        state = connection.execute(sa.select(attempts.c.state).where(attempts.c.id == game.attempt.id)).scalar()
    if state == FINISHED:
        message = "this attempt is finished; withdraw its submission instead."
        raise Refused(message, 409)


def forget_guesses(connection: sa.Connection, attempt: Attempt) -> None:
    """Makes room when an attempt has ended: what was asked, and when, stays."""
    theirs = sa.select(plays.c.id).where(plays.c.attempt_id == attempt.id)
    query = play_turns.update().where(play_turns.c.play_id.in_(theirs))
    connection.execute(query.values(starts=None, lengths=None))


def progress(game: Game) -> dict[str, int]:
    """Sessions that are open and over."""
    query = sa.select(plays.c.state, sa.func.count()).where(plays.c.attempt_id == game.attempt.id)
    with game.board.database.read() as connection:
        found = {state: count for state, count in connection.execute(query.group_by(plays.c.state))}
    return {state: found.get(state, 0) for state in (OPEN, OVER)}


def states(game: Game, cases: Sequence[str]) -> dict[Which, str]:
    """Of the sessions of these cases that have been opened."""
    columns = (plays.c.case, plays.c.target, plays.c.instance, plays.c.prompts, plays.c.state)
    query = sa.select(*columns).where(plays.c.attempt_id == game.attempt.id, plays.c.case.in_(cases))
    with game.board.database.read() as connection:
        return {Which(*row[:4]): row.state for row in connection.execute(query)}
