import math

import numpy as np
import pytest

from imedbench.metrics.strokes import stroke_length

ROWS, COLUMNS = np.mgrid[:121, :121]
RADII = np.hypot(ROWS - 60, COLUMNS - 60)


@pytest.mark.parametrize(
    ("stroke", "length"),
    [
        (ROWS[:, 10:60] == 60, 49),
        (np.abs(ROWS[:, 10:60] - 60) < 3, 49),
        (ROWS == COLUMNS, 120 * math.sqrt(2)),
        (np.abs(ROWS - COLUMNS) < 2, 120 * math.sqrt(2)),
        (np.abs(RADII - 50) < 0.7, 2 * math.pi * 50),
        (np.abs(RADII - 50) < 3, 2 * math.pi * 50),
        ((np.abs(RADII - 50) < 2) & (ROWS < 60), math.pi * 50),
    ],
    ids=["line", "thick line", "diagonal", "thick diagonal", "ring", "thick ring", "thick half ring"],
)
def test_length_is_along_the_middle_whatever_the_width(stroke: np.ndarray, length: float) -> None:
    found, pieces = stroke_length(np.argwhere(stroke), (1, 1))
    assert found == pytest.approx(length, rel=0.05)
    assert pieces == 1


def test_length_is_in_mm() -> None:
    line = np.stack([np.arange(10), np.arange(10), np.zeros(10, int)], axis=1)
    assert stroke_length(line, (3, 4, 100)) == (pytest.approx(9 * 5), 1)


def test_gaps_are_not_counted_but_pieces_are() -> None:
    line = np.array([[0, column] for column in (*range(5), *range(20, 30), 40)])
    assert stroke_length(line, (1, 1)) == (4 + 9, 3)


def test_order_and_repetition_do_not_matter() -> None:
    line = np.array([[0, column] for column in range(30)])
    mixed = np.random.default_rng(0).permutation(np.concatenate([line, line]))
    assert stroke_length(mixed, (1, 1)) == (29, 1)


def test_a_fork_has_all_its_arms() -> None:
    cross = (ROWS == 60) | (COLUMNS == 60)
    assert stroke_length(np.argwhere(cross), (1, 1))[0] == pytest.approx(240, rel=0.02)


def test_dots_and_nothing() -> None:
    assert stroke_length(np.array([[3, 4]]), (1, 1)) == (0, 1)
    assert stroke_length(np.zeros((0, 2), np.int32), (1, 1)) == (0, 0)
