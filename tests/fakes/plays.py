"""A task whose truth is hidden, on a leaderboard of its own, and a player who answers what an evaluation answered."""

import runpy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from imedbench import __version__, catalog
from imedbench.evaluate.data import Subset
from imedbench.evaluate.plan import RunSettings
from imedbench.evaluate.results import Results
from imedbench.evaluate.run import evaluate
from imedbench.store import Store
from imedbench.submission.about import About
from imedbench.workers import Workers
from leaderboard.attempts import Entrant, Game, begin
from leaderboard.board import Board
from leaderboard.plays import Answer, Reply, answer, ask
from leaderboard.settings import Settings
from leaderboard.sheets import Which
from leaderboard.tasks import NewTask, Task, add_task
from leaderboard.teams import Team, add_team

RESULTS = runpy.run_path(str(Path(__file__).with_name("results.py")))
SUBSET = Subset(split="all", on="pictures")
PROTOCOL, PROMPTS = "clicks-9", "noisy"
VERSIONS = {"imedbench": __version__}


def make_store(folder: Path, *, patients: int = 1) -> Store:
    """Two pictures a patient, four targets each."""
    store: Store = RESULTS["make_store"](folder, patients=patients)
    return store


def evaluate_openly(store: Store, out: Path) -> Results:
    """The run that somebody with the truth would have made."""
    asked = RunSettings("threshold", PROTOCOL, PROMPTS, subset=SUBSET)
    return evaluate(store.path, out, asked, workers=Workers(0)).results


def entrant(**changes: Any) -> Entrant:
    """The model of that run."""
    card = catalog.card("threshold")
    fields = {"about": About(name="Threshold"), "text": "# Card\n", "card": card, "weights_sha256": ""}
    fields |= {"across": "box", "batch": 32, "device": "cpu", "versions": VERSIONS}
    return Entrant(**fields | changes)


@dataclass(frozen=True)
class Place:
    """A leaderboard with one hidden task."""

    board: Board
    team: Team
    task: Task

    def begin(self, **changes: Any) -> Game:
        """An attempt."""
        return begin(self.board, self.team, self.task, entrant(**changes))


def make_place(folder: Path, store: Store, protocol: str = PROTOCOL, subset: Subset = SUBSET, **settings: Any) -> Place:
    """Opens it; who asks closes it."""
    board = Board.open(Settings(**{"folder": folder, "plays_a_day": 2} | settings))
    with board.database.write() as connection:
        new = NewTask("secret", "Secret", store.path, protocol, PROMPTS, subset, hidden=True)
        # One of the protocols shows the truth as a mask, which no hidden task may: here only how it is played matters.
        with patch("leaderboard.tasks._shows_truth", return_value=False):
            return Place(board, add_team(connection, "Ours"), add_task(connection, new))


ODD = """
id: odd
summary: A user who says nothing, one who is soon content, and one who shows the truth.
source: the tests
arms:
  - name: silent
    first: [{simulate: click, region: surplus}]
  - name: content
    first: [{simulate: click}]
    later: [{simulate: click, region: any-error}]
    turns: 4
    enough: 0.05
  - name: latest
    first: [{simulate: mask, source: truth, eroded: 2}]
    later: [{simulate: click, region: any-error}, {simulate: mask}]
    turns: 3
    memory: latest
    feedback: false
metrics: [{metric: dice}]
"""


def write_odd(folder: Path) -> str:
    """A protocol with users of all kinds of ends; its file."""
    path = folder / "odd.yaml"
    path.write_text(ODD)
    return str(path)


class Recorded:
    """Answers as a run has answered."""

    def __init__(self, results: Results) -> None:
        self.rows: dict[Which, list[Mapping[str, Any]]] = {}
        for row in results.turns.to_pylist():
            which = Which(row["case"], row["target"], row["instance"], row["prompts"])
            self.rows.setdefault(which, []).append(row)

    def answer(self, which: Which, turn: int, **changes: Any) -> Answer:
        """To a turn of a session."""
        row = self.rows[which][turn - 1]
        fields = {"starts": np.array(row["starts"], np.int64), "lengths": np.array(row["lengths"], np.int32)}
        fields |= {name: row[name] for name in ("model_score", "seconds", "encode_seconds")}
        return Answer(which, turn, **fields | changes)

    def given(self, which: Which) -> list[str]:
        """The prompts of each turn."""
        return [row["given"] for row in self.rows[which]]


def sessions(game: Game) -> Iterator[list[Which]]:
    """All that are owed, case by case."""
    for case in game.sheet.cases.values():
        yield [Which(case.case, *target, arm) for target in case.masks for arm in game.sheet.arms]


def play(game: Game, recorded: Recorded) -> dict[Which, list[str]]:
    """Plays all sessions to their ends; the prompts of each turn."""
    given: dict[Which, list[str]] = {}
    for theirs in sessions(game):
        replies = ask(game, theirs)
        while replies := [reply for reply in replies if reply.turn]:
            for reply in replies:
                given.setdefault(reply.which, []).append(reply.given)
            replies = answer(game, [recorded.answer(reply.which, reply.turn) for reply in replies])
    return given


def told(replies: list[Reply]) -> list[tuple[Any, ...]]:
    """Replies as they can be compared."""
    return [(reply.which, reply.turn, reply.given) for reply in replies]
