import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imedbench.metrics.bootstrap import Bootstrap
from leaderboard.ranking import Rank, difference, rank

NAMES = "abcdef"


def drawn(patients: list[float], samples: int = 200) -> np.ndarray:
    """The means of a model in bootstrap samples of its patients."""
    values = np.array(patients)[:, None]
    return Bootstrap(samples).drawn(values, np.ones_like(values)).astype(np.float32)


@st.composite
def models(draw: st.DrawFn) -> dict[str, np.ndarray]:
    """Of some models that saw the same patients."""
    patients = draw(st.integers(2, 6))
    value = st.integers(0, 20).map(lambda number: number / 20)
    found = draw(st.lists(st.lists(value, min_size=patients, max_size=patients), min_size=1, max_size=6))
    return {name: drawn(each) for name, each in zip(NAMES, found, strict=False)}


def slowly(draws: dict[str, np.ndarray], better: int) -> dict[str, Rank]:
    """As `rank`, pair by pair and sample by sample."""
    samples = len(next(iter(draws.values())))
    found = {}
    for name, mine in draws.items():
        others = [theirs for other, theirs in draws.items() if other != name]
        wins = [sum(better * theirs[k] > better * mine[k] for k in range(samples)) for theirs in others]
        ahead = sum(count >= 0.975 * samples for count in wins)
        places = sorted(1 + sum(better * each[k] > better * mine[k] for each in others) for k in range(samples))
        ends = [places[round(share * (samples - 1))] for share in (0.025, 0.975)]
        found[name] = Rank(1 + ahead, *ends)
    return found


@given(models(), st.sampled_from([1, -1]))
def test_places_are_those_of_every_pair_in_every_sample(draws: dict[str, np.ndarray], better: int) -> None:
    assert rank(draws, better) == slowly(draws, better)


@given(models())
def test_places_do_not_depend_on_the_order_in_which_models_come(draws: dict[str, np.ndarray]) -> None:
    assert rank(dict(reversed(draws.items())), 1) == rank(draws, 1)


@given(models(), st.sampled_from([1, -1]))
def test_somebody_is_first_and_places_are_among_the_models(draws: dict[str, np.ndarray], better: int) -> None:
    ranks = rank(draws, better).values()
    assert min(each.place for each in ranks) == 1
    for each in ranks:
        assert 1 <= each.first <= each.last <= len(draws)
        assert 1 <= each.place <= len(draws)


def test_a_clear_winner() -> None:
    draws = {"low": drawn([0.1, 0.2, 0.3]), "high": drawn([0.8, 0.9, 0.7]), "middle": drawn([0.5, 0.4, 0.6])}
    assert rank(draws, 1) == {"high": Rank(1, 1, 1), "middle": Rank(2, 2, 2), "low": Rank(3, 3, 3)}
    assert rank(draws, -1) == {"high": Rank(3, 3, 3), "middle": Rank(2, 2, 2), "low": Rank(1, 1, 1)}


def test_models_that_cannot_be_told_apart_share_a_place() -> None:
    draws = {
        "a": drawn([0.8, 0.2, 0.5, 0.6]),
        "b": drawn([0.2, 0.8, 0.6, 0.5]),
        "best": drawn([0.9] * 4),
        "worst": drawn([0.0] * 4),
    }
    found = rank(draws, 1)
    assert {name: each.place for name, each in found.items()} == {"best": 1, "a": 2, "b": 2, "worst": 4}
    assert (found["a"].first, found["a"].last) == (found["b"].first, found["b"].last) == (2, 3)


def test_the_same_model_twice_is_no_better_than_itself() -> None:
    mine = drawn([0.1, 0.5, 0.9])
    assert rank({"a": mine, "b": mine.copy()}, 1) == {"a": Rank(1, 1, 1), "b": Rank(1, 1, 1)}


def test_a_model_is_better_from_97_5_percent_of_the_samples_on() -> None:
    base = np.zeros(1000, np.float32)
    for wins, place in ((974, 1), (975, 2)):
        better = np.where(np.arange(1000) < wins, 1, -1).astype(np.float32)
        assert rank({"better": better, "base": base}, 1)["base"].place == place


def test_one_model_and_none() -> None:
    assert rank({"alone": drawn([0.1, 0.9])}, 1) == {"alone": Rank(1, 1, 1)}
    assert rank({}, 1) == {}


def test_samples_without_any_patient_of_a_modality_are_left_out() -> None:
    low, high = drawn([0.1, 0.2, 0.3]), drawn([0.7, 0.8, 0.9])
    for each in (low, high):
        each[::10] = np.nan
    assert rank({"low": low, "high": high}, 1) == {"high": Rank(1, 1, 1), "low": Rank(2, 2, 2)}
    assert not any(map(math.isnan, difference(high, low)))
    nothing = np.full(200, np.nan, np.float32)
    assert rank({"a": nothing, "b": nothing}, 1) == {}
    assert all(map(math.isnan, difference(nothing, nothing)))


@given(models())
def test_who_is_ahead_is_who_is_better_beyond_chance_in_pairs(draws: dict[str, np.ndarray]) -> None:
    for first, second in combinations(draws, 2):
        places = rank({name: draws[name] for name in (first, second)}, 1)
        low, high = difference(draws[first], draws[second])
        if places[first].place < places[second].place:
            assert high >= low >= 0
        if low > 0:
            assert (draws[first] > draws[second]).mean() >= 0.97


def test_a_difference_is_of_pairs() -> None:
    patients = [0.1, 0.9, 0.3, 0.5]
    low, high = difference(drawn([value + 0.05 for value in patients]), drawn(patients))
    assert (low, high) == (pytest.approx(0.05, abs=1e-6), pytest.approx(0.05, abs=1e-6))
    first, second = drawn([0.1, 0.8, 0.4]), drawn([0.3, 0.2, 0.5])
    ends = np.quantile(first.astype(float) - second, [0.025, 0.975])
    assert difference(first, second) == pytest.approx(tuple(ends))
    assert difference(second, first) == pytest.approx((-ends[1], -ends[0]))
