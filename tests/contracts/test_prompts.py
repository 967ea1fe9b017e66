"""What every simulated user and every imperfection of the catalogue holds to; a new line there is a new test."""

import inspect
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from imedbench import catalog
from imedbench.prompts.base import Imperfection, Scene, Simulator, named
from imedbench.prompts.sets import list_sets, load_set
from imedbench.types import Box, Click, MaskPrompt, Prompt, Scribble, Text

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[1] / "fakes" / "shapes.py"))
REQUIRED = {"low": 2, "high": 2, "probability": 1}
"""For imperfections that have no default amount."""


def simulator(name: str) -> Simulator:
    made = named("simulated user", catalog.SIMULATORS, "simulate", {"simulate": name})
    assert isinstance(made, Simulator)
    return made


def imperfection(name: str) -> Imperfection:
    fields = catalog.resolve("imperfection", catalog.IMPERFECTIONS, name).model_fields
    amounts = {field: REQUIRED[field] for field in fields if fields[field].is_required()}
    made = named("imperfection", catalog.IMPERFECTIONS, "apply", {"apply": name} | amounts)
    assert isinstance(made, Imperfection)
    return made


def scene(shape: tuple[int, ...]) -> Scene:
    """Everything that a user may know."""
    logits = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    return Scene((2.5, 1.0, 0.5)[-len(shape) :], "left kidney", (Click((0,) * len(shape)),), logits)


def lies_inside(prompt: Prompt, shape: tuple[int, ...]) -> bool:
    """Whether a prompt is one that any model can be given for an image of this shape."""
    match prompt:
        case Click():
            return all(0 <= place < size for place, size in zip(prompt.at, shape, strict=True))
        case Box():
            sides = zip(prompt.low, prompt.high, shape, strict=True)
            return all(0 <= low < high <= size for low, high, size in sides)
        case Scribble():
            return bool(len(prompt.voxels) and (prompt.voxels >= 0).all() and (prompt.voxels < shape).all())
        case MaskPrompt():
            return prompt.logits.shape == shape and prompt.logits.dtype == np.float32
        case Text():
            return bool(prompt.words)


@pytest.mark.parametrize("name", catalog.SIMULATORS)
@settings(max_examples=40)
@given(pair=FAKE["PAIRS"], seed=st.integers(0, 99))
def test_prompts_lie_in_the_image_and_come_again(name: str, pair: tuple[Any, Any], seed: int) -> None:
    truth, guess = pair
    before = truth.copy(), guess.copy()
    user, known = simulator(name), scene(truth.shape)
    prompts = user(truth, guess, np.random.default_rng(seed), known)
    assert prompts
    assert all(lies_inside(prompt, truth.shape) for prompt in prompts)
    again = user(truth, guess, np.random.default_rng(seed), known)
    assert [repr(prompt) for prompt in again] == [repr(prompt) for prompt in prompts]
    assert np.array_equal(truth, before[0])
    assert np.array_equal(guess, before[1])


@pytest.mark.parametrize("name", catalog.SIMULATORS)
def test_a_user_needs_no_more_than_truth_guess_and_chance(name: str) -> None:
    truth = FAKE["ellipse"]((12, 12), (6, 6), (4, 4))
    prompts = simulator(name)(truth, np.zeros_like(truth), np.random.default_rng(0))
    assert all(lies_inside(prompt, truth.shape) for prompt in prompts)


@pytest.mark.parametrize("name", catalog.SIMULATORS)
def test_a_user_says_no_to_what_makes_no_sense(name: str) -> None:
    truth, rng = np.ones((4, 4), np.bool_), np.random.default_rng(0)
    with pytest.raises(ValueError, match="differ in shape"):
        simulator(name)(truth, np.ones((4, 5), np.bool_), rng)
    with pytest.raises(ValueError, match="empty"):
        simulator(name)(~truth, truth, rng)
    with pytest.raises(ValidationError):
        named("simulated user", catalog.SIMULATORS, "simulate", {"simulate": name, "unknown": 1})


@pytest.mark.parametrize("name", catalog.IMPERFECTIONS)
@settings(max_examples=40)
@given(pair=FAKE["PAIRS"], seed=st.integers(0, 99))
def test_imperfect_prompts_of_every_user_lie_in_the_image(name: str, pair: tuple[Any, Any], seed: int) -> None:
    truth, guess = pair
    known = scene(truth.shape)
    for kind in catalog.SIMULATORS:
        perfect = simulator(kind)(truth, guess, np.random.default_rng(seed), known)
        user = simulator(kind).spoiled([imperfection(name), imperfection(name)])
        spoiled = user(truth, guess, np.random.default_rng(seed), known)
        assert [type(prompt) for prompt in spoiled] == [type(prompt) for prompt in perfect]
        assert all(lies_inside(prompt, truth.shape) for prompt in spoiled)


@pytest.mark.parametrize("name", catalog.IMPERFECTIONS)
def test_an_imperfection_does_something(name: str) -> None:
    truth = FAKE["ellipse"]((60, 60), (30, 30), (12, 15))
    changed = 0
    for kind in catalog.SIMULATORS:
        user, known = simulator(kind), scene(truth.shape)
        spoiled = user.spoiled([imperfection(name)])(truth, ~truth, np.random.default_rng(3), known)
        perfect = user(truth, ~truth, np.random.default_rng(3), known)
        changed += repr(spoiled) != repr(perfect)
    assert changed


@pytest.mark.parametrize("name", [*catalog.SIMULATORS, *catalog.IMPERFECTIONS])
def test_settings_survive_being_written(name: str) -> None:
    made = simulator(name) if name in catalog.SIMULATORS else imperfection(name)
    assert type(made).model_validate_json(made.model_dump_json()) == made
    assert made.model_dump()["simulate" if name in catalog.SIMULATORS else "apply"] == name


@pytest.mark.parametrize("table", [catalog.SIMULATORS, catalog.IMPERFECTIONS], ids=["users", "imperfections"])
def test_every_class_is_documented_and_every_field_frozen(table: dict[str, str]) -> None:
    for name in table:
        kind = catalog.resolve("class", table, name)
        assert inspect.getdoc(kind)
        assert kind.model_config["frozen"]
        assert kind.model_config["extra"] == "forbid"


@pytest.mark.parametrize("name", list_sets())
@pytest.mark.parametrize("kind", catalog.SIMULATORS)
def test_every_set_spoils_every_user(name: str, kind: str) -> None:
    for shape, centre, radii in (((40, 50), (20, 25), (8, 9)), ((8, 40, 40), (4, 20, 20), (3, 8, 8))):
        truth = FAKE["ellipse"](shape, centre, radii)
        for seed in range(5):
            user = load_set(name).spoil(simulator(kind))
            prompts = user(truth, np.zeros_like(truth), np.random.default_rng(seed), scene(shape))
            assert prompts
            assert all(lies_inside(prompt, shape) for prompt in prompts)
