from typing import Any

import numpy as np
import pytest
from numpy.random import Generator
from pydantic import BaseModel, ValidationError

from imedbench.errors import UnknownName
from imedbench.prompts.base import PLAIN, AnyImperfection, AnySimulator, Imperfection, Scene, Simulator
from imedbench.prompts.click import ClickUser
from imedbench.prompts.imperfect import Displace
from imedbench.types import Click, Mask, Prompt

TRUTH = np.ones((4, 4), np.bool_)


class Corner(Simulator):
    """Clicks into the first corner."""

    def draw(self, truth: Mask, guess: Mask, rng: Generator, scene: Scene) -> tuple[Prompt, ...]:
        return (Click((0,) * truth.ndim),)


class Step(Imperfection):
    """One row further."""

    rows: int = 1

    def __call__(
        self, prompts: tuple[Prompt, ...], truth: Mask, rng: Generator, scene: Scene = PLAIN
    ) -> tuple[Prompt, ...]:
        return tuple(Click((one.at[0] * 2 + self.rows, 0)) for one in prompts if isinstance(one, Click))


class Written(BaseModel):
    """What a protocol holds."""

    users: tuple[AnySimulator, ...] = ()
    flaws: tuple[AnyImperfection, ...] = ()


def test_imperfections_follow_the_draw_in_their_order() -> None:
    user = Corner().spoiled([Step(rows=1)]).spoiled([Step(rows=5)])
    assert user.imperfect == (Step(rows=1), Step(rows=5))
    assert user(TRUTH, ~TRUTH, np.random.default_rng(0)) == (Click((7, 0)),)
    assert Corner().imperfect == ()


def test_truth_and_guess_must_fit_and_the_truth_must_hold_something() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"differ in shape: \(4, 4\) and \(4, 3\)"):
        Corner()(TRUTH, TRUTH[:, 1:], rng)
    with pytest.raises(ValueError, match="empty"):
        Corner()(~TRUTH, TRUTH, rng)


def test_names_become_what_they_name() -> None:
    written: Any = {
        "users": [
            {"simulate": "click", "place": "centroid", "imperfect": [{"apply": "displace", "low": 0, "high": 1}]}
        ],
        "flaws": [Displace(low=0, high=1)],
    }
    read = Written.model_validate(written)
    assert read.users == (ClickUser(place="centroid", imperfect=(Displace(low=0, high=1),)),)
    # What is written is whole: a subclass's fields too, and it reads back as it was.
    assert read.model_dump(mode="json")["users"][0]["imperfect"][0]["high"] == 1
    assert Written.model_validate_json(read.model_dump_json()) == read


def test_names_that_name_nothing() -> None:
    with pytest.raises(UnknownName, match="no simulated user called 'clck'"):
        Written.model_validate({"users": [{"simulate": "clck"}]})
    with pytest.raises(UnknownName, match="no imperfection called 'shake'"):
        Written.model_validate({"flaws": [{"apply": "shake"}]})
    with pytest.raises(ValidationError):
        Written.model_validate({"users": [3]})


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        ClickUser().count = 2  # type: ignore[misc]
