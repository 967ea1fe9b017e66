import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from imedbench.metrics import compare
from imedbench.metrics.paired import holm

RNG = np.random.default_rng(7)
BEFORE = RNG.beta(5, 2, 60)
AFTER = np.clip(BEFORE + RNG.normal(0.03, 0.05, 60), 0, 1)


def rows(values: np.ndarray, per_patient: int = 1) -> list[tuple[Any, ...]]:
    return [(f"p{place // per_patient}/{place}", "liver", 1, value) for place, value in enumerate(values.tolist())]


def test_it_is_the_wilcoxon_test_of_the_pairs(scores: Any) -> None:
    (found,) = compare({"old": scores(rows(BEFORE)), "new": scores(rows(AFTER))})
    assert (found.one, found.other, found.pairs, found.left_out) == ("old", "new", 60, 0)
    assert found.p == found.p_holm == pytest.approx(stats.wilcoxon(BEFORE, AFTER).pvalue)
    assert found.difference == pytest.approx((BEFORE - AFTER).mean())
    assert found.low < found.difference < found.high < 0
    ranks = stats.rankdata(np.abs(BEFORE - AFTER))
    assert found.effect == pytest.approx(((BEFORE > AFTER) * ranks).sum() / ranks.sum() * 2 - 1)


def test_patients_are_the_pairs_unless_sessions_are_asked_for(scores: Any) -> None:
    runs = {"old": scores(rows(BEFORE, 4)), "new": scores(rows(AFTER, 4))}
    (each,) = compare(runs, level="target")
    assert (each.pairs, each.p) == (60, pytest.approx(stats.wilcoxon(BEFORE, AFTER).pvalue))
    (found,) = compare(runs)
    means = [values.reshape(15, 4).mean(axis=1) for values in (BEFORE, AFTER)]
    assert found.pairs == 15
    assert found.p == pytest.approx(stats.wilcoxon(*means).pvalue)


def test_only_common_sessions_are_compared_and_the_others_counted(scores: Any) -> None:
    old, new = rows(BEFORE), rows(AFTER)
    old[3] = (*old[3][:3], math.nan)
    (found,) = compare({"old": scores(old[:50]), "new": scores(new[10:])})
    assert (found.pairs, found.left_out) == (40, 20)
    (found,) = compare({"old": scores(old), "new": scores(new)})
    assert (found.pairs, found.left_out) == (59, 1)


def test_failed_sessions_take_part_at_their_worst(scores: Any) -> None:
    failed = [True] * 30 + [False] * 30
    values = np.where(failed, math.nan, BEFORE)
    (found,) = compare({"old": scores(rows(BEFORE)), "new": scores(rows(values), failed=failed)})
    assert found.pairs == 60
    assert found.difference == pytest.approx(BEFORE[:30].sum() / 60)
    assert found.effect == 1


def test_equal_runs_do_not_differ(scores: Any) -> None:
    table = scores(rows(BEFORE))
    (found,) = compare({"one": table, "other": table})
    assert (found.difference, found.low, found.high, found.effect, found.p) == (0, 0, 0, 0, 1)


def test_sessions_may_end_at_different_turns(scores: Any) -> None:
    short, long = scores([("p/1", "liver", 1, 1.0)]), scores([("p/1", "liver", 1, 0.2), ("p/1", "liver", 2, 0.6)])
    (found,) = compare({"short": short, "long": long})
    assert found.difference == pytest.approx(0.4)
    first, second = compare({"short": short, "long": long}, ["turn", "metric", "prompts"])
    assert (first.key, first.difference) == ((1, "dice", "box"), pytest.approx(0.8))
    # The answer of the short one stands for turns that only the other run has.
    assert (second.key, second.difference, second.left_out) == ((2, "dice", "box"), pytest.approx(0.4), 0)


def test_nothing_in_common(scores: Any) -> None:
    (found,) = compare({"one": scores(rows(BEFORE[:1])), "other": scores(rows(BEFORE)[1:2])})
    assert (found.pairs, found.left_out) == (0, 2)
    assert math.isnan(found.p)
    assert math.isnan(found.p_holm)


def test_every_two_runs_are_compared_and_corrected_together(scores: Any) -> None:
    runs = {name: scores(rows(values)) for name, values in (("a", BEFORE), ("b", AFTER), ("c", BEFORE**2))}
    found = compare(runs)
    assert [(each.one, each.other) for each in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [each.p_holm for each in found] == holm([each.p for each in found])


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
    corrected = holm([0.02, math.nan, 0.03])
    assert corrected[0] == corrected[2] == pytest.approx(0.04)
    assert math.isnan(corrected[1])
