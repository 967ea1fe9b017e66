import math

import numpy as np
import pytest
from scipy.integrate import cumulative_trapezoid

from imedbench.metrics import clicks


def test_auc_is_the_challenges() -> None:
    values = [0.2, 0.5, 0.6, 0.7, 0.9]
    assert clicks.auc(values) == pytest.approx(cumulative_trapezoid(values, np.arange(5))[-1])
    assert clicks.auc([1.0] * 5) == 4
    assert clicks.auc([1.0] * 11) == 10
    assert clicks.normalised_auc([1.0] * 5) == clicks.normalised_auc([1.0] * 11) == 1


def test_auc_needs_two_values() -> None:
    assert math.isnan(clicks.auc([0.5]))
    assert math.isnan(clicks.normalised_auc([0.5]))


def test_noc_is_the_first_click_that_is_good_enough() -> None:
    values = [0.5, 0.85, 0.95, 0.7]
    assert clicks.noc(values, 0.8) == 2
    assert clicks.noc(values, 0.85) == 2
    assert clicks.noc(values, 0.9) == 3
    assert clicks.noc(values, 0.99) == 4


def test_a_success_at_the_last_click_is_one_unless_asked_otherwise() -> None:
    values = [0.1] * 19 + [0.95]
    assert clicks.noc(values, 0.9) == clicks.noc([0.1] * 20, 0.9) == 20
    assert clicks.reached(values, 0.9)
    assert not clicks.reached(values, 0.9, last_counts=False)
    assert not clicks.reached([0.1] * 20, 0.9)


def test_gain_and_monotonicity() -> None:
    assert clicks.gain([0.2, 0.9, 0.5]) == pytest.approx(0.3)
    assert clicks.gain([0.2]) == 0
    assert clicks.monotonicity([0.2, 0.9, 0.5, 0.5]) == pytest.approx(2 / 3)
    assert math.isnan(clicks.monotonicity([0.2]))
    assert math.isnan(clicks.monotonicity([0.2, math.nan, 0.3]))
    assert math.isnan(clicks.gain([]))


def test_a_session_that_ended_keeps_its_last_value() -> None:
    assert clicks.filled([0.2, 1.0], 4) == [0.2, 1.0, 1.0, 1.0]
    assert clicks.filled(np.array([0.5]), 1) == [0.5]
    for values in ([], [0.1, 0.2, 0.3]):
        with pytest.raises(ValueError, match="cannot be filled up to 2 turns"):
            clicks.filled(values, 2)
