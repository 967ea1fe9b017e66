"""What every metric of the catalogue must keep."""

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from imedbench import catalog
from imedbench.metrics.facts import METRICS
from imedbench.types import Mask

Pair = tuple[Mask, Mask, tuple[float, ...]]


def called(name: str) -> Callable[[Mask, Mask, tuple[float, ...]], float]:
    metric = catalog.resolve("metric", catalog.METRICS, name)
    settings: dict[str, Any] = {"tolerance_mm": 1.0} if METRICS[name].takes_tolerance else {}
    return lambda truth, guess, spacing_mm: metric(truth, guess, spacing_mm, **settings)


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    shape = draw(arrays.array_shapes(min_dims=2, max_dims=3, max_side=7))
    spacing = tuple(draw(st.sampled_from((0.5, 1.0, 2.5))) for _ in shape)
    truth, guess = (draw(arrays.arrays(np.bool_, shape)) for _ in range(2))
    return truth, guess, spacing


@pytest.mark.parametrize("name", catalog.METRICS)
@given(pair=pairs())
def test_lies_between_its_best_and_its_worst(name: str, pair: Pair) -> None:
    truth, guess, spacing = pair
    value, facts = called(name)(truth, guess, spacing), METRICS[name]
    assert type(value) is float
    assert math.isnan(value) == (not truth.any() and not guess.any())
    if not math.isnan(value):
        assert value <= facts.best if facts.higher_is_better else value >= facts.best
        assert name == "volume-error" or value >= min(facts.best, facts.worst)
        if facts.symmetric:
            assert called(name)(guess, truth, spacing) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("name", catalog.METRICS)
@given(pair=pairs())
def test_a_perfect_guess_has_the_best_value(name: str, pair: Pair) -> None:
    truth, _, spacing = pair
    truth[0] = True
    assert called(name)(truth, truth.copy(), spacing) == METRICS[name].best


@pytest.mark.parametrize("name", catalog.METRICS)
@given(pair=pairs())
def test_arguments_are_left_alone_and_nothing_hangs_on_their_layout(name: str, pair: Pair) -> None:
    truth, guess, spacing = pair
    before = truth.copy(), guess.copy()
    value = called(name)(truth, guess, spacing)
    np.testing.assert_array_equal(truth, before[0])
    np.testing.assert_array_equal(guess, before[1])
    again = called(name)(np.asfortranarray(truth), guess[::-1].copy()[::-1], spacing)
    np.testing.assert_equal(again, value)


@pytest.mark.parametrize("name", catalog.METRICS)
def test_no_answer_has_the_worst_value(name: str) -> None:
    truth = np.zeros((4, 5, 6), bool)
    truth[1:3, 1:4, 2:5] = True
    assert called(name)(truth, np.zeros_like(truth), (1.0, 1.0, 1.0)) == METRICS[name].worst


@pytest.mark.parametrize("name", catalog.METRICS)
def test_other_shapes_are_refused_in_one_way(name: str) -> None:
    with pytest.raises(ValueError, match=r"^truth and guess differ in shape: \(4, 5\) and \(5, 4\)$"):
        called(name)(np.ones((4, 5), bool), np.ones((5, 4), bool), (1.0, 1.0))


@pytest.mark.parametrize("name", catalog.METRICS)
def test_stands_in_the_package_under_its_name(name: str) -> None:
    metric = catalog.resolve("metric", catalog.METRICS, name)
    assert getattr(importlib.import_module("imedbench.metrics"), metric.__name__) is metric
