import math

import pytest

from imedbench.report.axes import linear_axis, log_axis, marked, whole_axis


@pytest.mark.parametrize(
    ("values", "within", "ends", "ticks"),
    [
        ([0.62, 0.93], (0, 1), (0.6, 1.0), (0.6, 0.7, 0.8, 0.9, 1.0)),
        ([3, 17], None, (0, 20), (0, 5, 10, 15, 20)),
        ([0.0, 1.0], (0, 1), (0, 1), (0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        ([-0.03, 0.08], None, (-0.05, 0.1), (-0.05, -0.025, 0, 0.025, 0.05, 0.075, 0.1)),
    ],
)
def test_a_linear_axis_ends_on_round_numbers(
    values: list[float], within: tuple[float, float] | None, ends: tuple[float, float], ticks: tuple[float, ...]
) -> None:
    axis = linear_axis("x", values, within)
    assert (axis.low, axis.high) == pytest.approx(ends)
    assert axis.ticks == pytest.approx(ticks)
    assert axis.share(ends[0]) == 0
    assert axis.share(ends[1]) == 100


@pytest.mark.parametrize("values", [[], [math.nan], [0.5], [0, 0], [math.inf, 3]])
def test_any_values_make_an_axis(values: list[float]) -> None:
    for axis in (linear_axis("x", values), linear_axis("x", values, (0, 1)), log_axis("x", values)):
        assert axis.low < axis.high
        assert len(axis.ticks) >= 2
        assert 0 <= axis.share(0.7) <= 100


def test_values_outside_stay_on_the_paper() -> None:
    axis = linear_axis("x", [0, 1], (0, 1))
    assert axis.share(7) == 100
    assert axis.share(-math.inf) == 0


def test_a_logarithmic_axis_gives_each_power_the_same_room() -> None:
    axis = log_axis("x", [30, 4000])
    assert axis.ticks == (10, 100, 1000, 10_000)
    assert axis.share(100) == pytest.approx(100 / 3, abs=0.01)


def test_turns_are_marked_one_by_one_while_there_is_room() -> None:
    assert whole_axis("turn", range(1, 6)).ticks == (1, 2, 3, 4, 5)
    assert whole_axis("turn", [4]).ticks == (4,)
    assert len(whole_axis("turn", range(1, 41)).ticks) <= 10


@pytest.mark.parametrize(
    ("value", "text"), [(0.25, "0.25"), (40.0, "40"), (10_000.0, "10k"), (1e7, "10M"), (2e9, "2G")]
)
def test_marks_are_short(value: float, text: str) -> None:
    assert marked(value) == text
