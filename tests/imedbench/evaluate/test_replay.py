"""Who has a results folder and the store can ask again, turn by turn, what was asked: a leaderboard relies on it."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imedbench.evaluate.data import Subset
from imedbench.evaluate.plan import RunSettings
from imedbench.evaluate.protocol import Arm
from imedbench.evaluate.results import Results, guess_of
from imedbench.evaluate.run import evaluate
from imedbench.evaluate.seeds import generator
from imedbench.evaluate.written import CERTAIN, read_prompts, write_prompts
from imedbench.metrics import dice
from imedbench.prompts.base import Scene, Simulator
from imedbench.prompts.sets import PromptSet
from imedbench.store import Store
from imedbench.types import Mask, Prediction, Prompt
from imedbench.workers import Workers

Row = dict[str, Any]
ALL = ("click", "box", "scribble", "mask", "text")


def mistaken(grid: tuple[int, ...], prompts: Any, previous: Prediction | None) -> Prediction:
    """Half of the grid, and another half in each turn: wrong for ever, in both ways."""
    turn = 0 if previous is None else previous.memory + 1
    places = sum(np.indices(grid, sparse=True))
    return Prediction(np.where((places // 7 + turn) % 2, np.float32(0.5), np.float32(-2)), 0.5, turn)


def sessions(results: Results) -> Iterator[list[Row]]:
    for _, rows in groupby(
        results.turns.to_pylist(), key=lambda row: (row["case"], row["target"], row["instance"], row["prompts"])
    ):
        yield list(rows)


def users(results: Results, arm: Arm, turn: int) -> list[Simulator]:
    """The users of a turn as the run's own record describes them."""
    spoiled = PromptSet.model_validate(results.run["prompts"])
    theirs = arm.first if turn == 1 else arm.later
    if results.run["across"] == "slices":
        theirs = tuple(user.on_each_slice() for user in theirs)
    return [spoiled.spoil(user) for user in theirs]


def asked_again(results: Results, truth: Mask, rows: list[Row]) -> tuple[Prompt, ...]:
    """The prompts of the last of these rows, from the truth and the rows before it alone."""
    *before, row = rows
    (arm,) = [each for each in results.protocol.arms if each.name == row["prompts"]]
    guess = guess_of(before[-1]) if before else np.zeros(truth.shape, np.bool_)
    given = tuple(prompt for each in before for prompt in read_prompts(each["given"]))
    logits = np.where(guess, np.float32(CERTAIN), np.float32(-CERTAIN)) if before else None
    scene = Scene(tuple(row["spacing_mm"]), row["target"], given, logits)
    who = (row["case"], row["target"], row["instance"], row["prompts"])
    rng = generator(results.protocol.seed, who, row["turn"])
    asked: tuple[Prompt, ...] = ()
    for user in users(results, arm, row["turn"]):
        asked += user(truth, guess, rng, scene)
    return asked


def truth_of(store: Store, row: Row) -> Mask:
    masks = store[row["case"]].masks
    (number,) = [
        number
        for number, about in enumerate(masks.infos)
        if (about.kind, about.target, about.instance) == ("gt", row["target"], row["instance"])
    ]
    return masks[number]


def check(store: Store, results: Results) -> int:
    """Asks every turn of every session again; returns how many turns there were."""
    dices = {
        (row["case"], row["target"], row["instance"], row["prompts"], row["turn"]): row["value"]
        for row in results.scores.to_pylist()
        if row["metric"] == "dice"
    }
    count = 0
    for rows in sessions(results):
        truth = truth_of(store, rows[0])
        for row in rows:
            again = write_prompts(asked_again(results, truth, rows[: row["turn"]]))
            assert again == row["given"], (row["case"], row["target"], row["prompts"], row["turn"])
            key = (row["case"], row["target"], row["instance"], row["prompts"], row["turn"])
            if not row["error"]:
                assert dice(truth, guess_of(row)) == dices[key]
            count += 1
    return count


@pytest.mark.parametrize("protocol", ["clicks-9", "imis", "noc", "robustness", "single"])
@pytest.mark.parametrize("prompts", ["perfect", "time-pressure"])
def test_pictures(pictures: Store, tmp_path: Path, enlist: Any, protocol: str, prompts: str) -> None:
    enlist(mistaken, prompts=ALL)
    asked = RunSettings("puppet", protocol, prompts, subset=Subset(limit=1))
    results = evaluate(pictures.path, tmp_path / "out", asked, workers=Workers(0)).results
    assert check(pictures, results) >= 4 * sum(arm.turns for arm in results.protocol.arms) - 2


@pytest.mark.parametrize("protocol", ["cvpr2025", "prism-11", "radioactive"])
def test_volumes(volumes: Store, tmp_path: Path, enlist: Any, protocol: str) -> None:
    enlist(mistaken, prompts=ALL)
    asked = RunSettings("puppet", protocol, "noisy", subset=Subset(limit=1, targets=("tumor",)))
    results = evaluate(volumes.path, tmp_path / "out", asked, workers=Workers(0)).results
    assert check(volumes, results) == sum(arm.turns for arm in results.protocol.arms)


def test_a_flat_model_that_is_prompted_on_every_slice(volumes: Store, tmp_path: Path, enlist: Any) -> None:
    enlist(mistaken, prompts=ALL, dimensions=(2,))
    subset = Subset(on="volumes", limit=1, targets=("tumor",))
    asked = RunSettings("puppet", "clicks-9", "time-pressure", subset=subset, across="slices")
    results = evaluate(volumes.path, tmp_path / "out", asked, workers=Workers(0)).results
    assert check(volumes, results) == 9


def test_a_classical_model_in_other_batches(pictures: Store, tmp_path: Path) -> None:
    for batch in (1, 32):
        asked = RunSettings("threshold", "clicks-9", "noisy", subset=Subset(limit=2), batch=batch)
        results = evaluate(pictures.path, tmp_path / str(batch), asked, workers=Workers(0)).results
        assert check(pictures, results) > 8


def test_what_a_model_failed_at_is_told_too(pictures: Store, tmp_path: Path, enlist: Any) -> None:
    def stops(grid: tuple[int, ...], prompts: Any, previous: Prediction | None) -> Prediction:
        answer = mistaken(grid, prompts, previous)
        return answer if answer.memory < 3 else Prediction(np.full(grid, np.nan, np.float32), 0.5)

    enlist(stops)
    asked = RunSettings("puppet", "clicks-9", subset=Subset(limit=1))
    results = evaluate(pictures.path, tmp_path / "out", asked, workers=Workers(0)).results
    assert check(pictures, results) == 16
    failed = [row for row in results.turns.to_pylist() if row["error"]]
    assert [(row["turn"], row["clicks"]) for row in failed] == [(4, 1)] * 4


def test_another_seed_asks_otherwise(pictures: Store, tmp_path: Path, enlist: Any) -> None:
    enlist(mistaken)
    asked = RunSettings("puppet", "clicks-9", subset=Subset(limit=1))
    results = evaluate(pictures.path, tmp_path / "out", asked, workers=Workers(0)).results
    results.protocol.__dict__["seed"] = 7
    with pytest.raises(AssertionError, match="9 clicks"):
        check(pictures, results)
