import math

import numpy as np
import pytest
from scipy import stats

from imedbench.metrics.bootstrap import Bootstrap

VALUES = np.random.default_rng(5).beta(5, 2, 80)
ONES = np.ones((80, 1))


def test_one_value_a_patient_gives_scipys_percentile_interval() -> None:
    mean, low, high = Bootstrap(samples=20_000).mean(VALUES[:, None], ONES)
    theirs = stats.bootstrap((VALUES,), np.mean, n_resamples=20_000, method="percentile", rng=1).confidence_interval
    assert mean == pytest.approx(VALUES.mean())
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=1e-3)


def test_copies_of_a_patients_values_do_not_narrow_the_interval() -> None:
    once = Bootstrap().mean(VALUES[:, None], ONES)
    assert Bootstrap().mean(50 * VALUES[:, None], 50 * ONES) == pytest.approx(once)


def test_the_same_seed_gives_the_same_interval_and_another_one_does_not() -> None:
    assert Bootstrap(seed=3).mean(VALUES[:, None], ONES) == Bootstrap(seed=3).mean(VALUES[:, None], ONES)
    assert Bootstrap(seed=3).mean(VALUES[:, None], ONES)[1:] != Bootstrap(seed=4).mean(VALUES[:, None], ONES)[1:]


def test_strata_weigh_the_same_however_many_values_they_have() -> None:
    sums, counts = np.array([[9.0, 0.0], [9.0, 0.5]]), np.array([[9.0, 0.0], [9.0, 1.0]])
    mean, low, high = Bootstrap().mean(sums, counts)
    assert mean == pytest.approx((1 + 0.5) / 2)
    assert (low, high) == (0.75, 1.0)


def test_many_samples_are_drawn_in_parts() -> None:
    values = np.random.default_rng(6).normal(size=(9000, 1))
    mean, low, high = Bootstrap().mean(values, np.ones_like(values))
    error = values.std() / math.sqrt(9000)
    assert (low, high) == pytest.approx((mean - 1.96 * error, mean + 1.96 * error), abs=0.3 * error)


def test_one_patient_says_nothing_of_others() -> None:
    mean, low, high = Bootstrap().mean(np.array([[3.0]]), np.array([[4.0]]))
    assert mean == 0.75
    assert math.isnan(low)
    assert math.isnan(high)
