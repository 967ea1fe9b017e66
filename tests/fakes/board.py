"""A leaderboard with two tasks, and checked submissions of a classical model and of one that is shown the truth."""

import json
import runpy
import shutil
from dataclasses import dataclass
from pathlib import Path

import yaml

from imedbench.evaluate.data import Subset
from imedbench.evaluate.plan import RunSettings
from imedbench.evaluate.protocol import load_protocol
from imedbench.evaluate.results import Results
from imedbench.evaluate.run import evaluate
from imedbench.submission.about import About
from imedbench.submission.bundle import pack
from imedbench.workers import Workers
from leaderboard.board import Board
from leaderboard.settings import Settings
from leaderboard.submissions import accept
from leaderboard.tasks import NewTask, add_task
from leaderboard.teams import add_team, issue_key
from leaderboard.worker import work

TASKS = ("clicks", "levels")
SUBSETS = {"clicks": Subset(split="all"), "levels": Subset(split="all", limit=3)}
"""Of the second there is one patient with MR."""
LEVELS = ("point 0 %", "point 50 %", "box 100 %", "box 150 %")
"""Arms of ``robustness`` that are kept: all of them would be 570 pages."""
MODELS = ("threshold", "oracle")
FOLDER, TOLD = "two-tasks", "told.json"
MANY = 10**6
"""Requests a minute: tests ask quickly."""


@dataclass(frozen=True)
class Made:
    """Where everything is; the store and the runs are not copied with it."""

    folder: Path
    """Of the leaderboard."""
    store: Path
    runs: dict[str, Path]
    """Results folders, by task and model: ``clicks/oracle``."""
    ids: dict[str, str]
    """Their submissions."""
    key: str
    """Of the team ``Ours``."""

    def copy(self, folder: Path) -> "Made":
        """The same leaderboard elsewhere, to be changed."""
        shutil.copytree(self.folder, folder)
        return Made(folder, self.store, self.runs, self.ids, self.key)

    def open(self, **settings: object) -> Board:
        """The caller closes it."""
        return Board.open(Settings(**{"folder": self.folder, "requests_a_minute": MANY} | settings))


def made(base: Path) -> Made:
    """Made once below a folder of the tests' session."""
    place = base / FOLDER
    if not (place / TOLD).exists():
        _make(place)
    told = json.loads((place / TOLD).read_text())
    runs = {name: Path(path) for name, path in told["runs"].items()}
    return Made(place / "board", place / "store", runs, told["ids"], told["key"])


def _make(place: Path) -> None:
    fake = runpy.run_path(str(Path(__file__).with_name("results.py")))
    place.mkdir()
    store = fake["make_store"](place / "store", patients=3)
    settings = Settings(place / "board")
    board = Board.open(settings)
    told: dict[str, dict[str, str]] = {"runs": {}, "ids": {}}
    with board.database.write() as connection:
        team = add_team(connection, "Ours")
        key = issue_key(connection, team)
    for name, protocol in zip(TASKS, ("clicks-9", _short(place / "levels.yaml")), strict=True):
        new = NewTask(name, f"Ellipses, {name}", store.path, protocol, "perfect", SUBSETS[name], "Four ellipses.")
        with board.database.write() as connection:
            task = add_task(connection, new)
        for model in MODELS:
            asked = RunSettings(model, protocol, "perfect", subset=SUBSETS[name])
            results = evaluate(store.path, place / f"{name}-{model}", asked, workers=Workers(0)).results
            bundle = _packed(results, place / f"{name}-{model}.zip", model)
            told["runs"][f"{name}/{model}"] = str(results.path)
            told["ids"][f"{name}/{model}"] = accept(board, team, task, bundle)
    board.database.close()
    work(settings, until_empty=True)
    (place / TOLD).write_text(json.dumps(told | {"key": key}))


def _short(target: Path) -> str:
    """The protocol of robustness with fewer arms, and Dice only."""
    told = load_protocol("robustness").model_dump(mode="json")
    told |= {"id": "levels", "arms": [arm for arm in told["arms"] if arm["name"] in LEVELS]}
    target.write_text(yaml.safe_dump(told | {"metrics": told["metrics"][:1]}))
    return str(target)


def _packed(results: Results, target: Path, model: str) -> Path:
    about = About(name=model, summary="A model of the tests.", code="https://example.org/code", licence="Apache-2.0")
    return pack(results, target, about, f"# {model}\n\nIt finds *ellipses*.\n")
