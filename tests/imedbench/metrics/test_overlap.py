import math

import numpy as np
import pytest

from imedbench.metrics import dice, iou, volume_error

TRUTH = np.array([[1, 1, 1, 0], [0, 0, 0, 0]], bool)
GUESS = np.array([[0, 1, 1, 1], [1, 1, 0, 0]], bool)
NOTHING = np.zeros_like(TRUTH)


def test_known_values() -> None:
    assert dice(TRUTH, GUESS) == 2 * 2 / (3 + 5)
    assert iou(TRUTH, GUESS) == 2 / 6
    assert volume_error(TRUTH, GUESS) == (5 - 3) / 3
    assert volume_error(GUESS, TRUTH) == (5 - 3) / 5


@pytest.mark.parametrize("metric", [dice, iou])
def test_empty_masks(metric: type) -> None:
    assert math.isnan(metric(NOTHING, NOTHING))
    assert metric(TRUTH, NOTHING) == metric(NOTHING, TRUTH) == 0


def test_volume_error_of_empty_masks() -> None:
    assert math.isnan(volume_error(NOTHING, NOTHING))
    assert volume_error(TRUTH, NOTHING) == 1
    assert volume_error(NOTHING, TRUTH) == math.inf


def test_counts_do_not_overflow() -> None:
    full = np.ones((70, 70, 70), np.uint8)
    assert dice(full, full) == iou(full, full) == 1
