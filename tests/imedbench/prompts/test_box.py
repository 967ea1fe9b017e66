import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from imedbench.prompts.box import BoxUser
from imedbench.types import Box

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "shapes.py"))


def boxes(user: BoxUser, truth: Any) -> tuple[Any, ...]:
    return user(truth, np.zeros_like(truth), np.random.default_rng(0))


@given(FAKE["PAIRS"])
def test_a_tight_box_touches_the_object_on_all_sides(pair: tuple[Any, Any]) -> None:
    truth = pair[0]
    (box,) = boxes(BoxUser(), truth)
    places = np.argwhere(truth)
    assert box == Box(tuple(places.min(axis=0)), tuple(places.max(axis=0) + 1))


@given(FAKE["PAIRS"])
def test_a_box_in_each_slice_is_tight_there(pair: tuple[Any, Any]) -> None:
    truth = pair[0]
    found = boxes(BoxUser(extent="each-slice"), truth)
    if truth.ndim == 2:
        assert found == boxes(BoxUser(), truth)
        return
    assert [box.low[0] for box in found] == np.flatnonzero(truth.any(axis=(1, 2))).tolist()
    for box in found:
        (here,) = boxes(BoxUser(), truth[box.low[0]])
        assert box == Box((box.low[0], *here.low), (box.low[0] + 1, *here.high))


def test_the_middle_slice_gives_the_sides_and_the_object_the_range() -> None:
    truth = np.zeros((12, 20, 20), np.bool_)
    truth[2, 1:19, 1:19] = truth[5, 8:11, 6:9] = truth[9, 2, 2] = truth[10, 3, 3] = True
    # Slices 2, 5, 9, 10: number 2 of four.
    assert boxes(BoxUser(extent="middle-slice"), truth) == (Box((2, 2, 2), (11, 3, 3)),)
    truth[10] = False
    assert boxes(BoxUser(extent="middle-slice"), truth) == (Box((2, 8, 6), (10, 11, 9)),)


def test_who_is_made_to_prompt_each_slice() -> None:
    assert BoxUser(extent="middle-slice").on_each_slice() == BoxUser(extent="each-slice")


@pytest.mark.parametrize("extent", ["tight", "each-slice", "middle-slice"])
def test_in_a_picture_all_are_the_same(extent: Any) -> None:
    truth = np.zeros((9, 9), np.bool_)
    truth[2:4, 3:9] = True
    assert boxes(BoxUser(extent=extent), truth) == (Box((2, 3), (4, 9)),)
