import math
from typing import Any

import numpy as np
import pytest

from imedbench.metrics.sessions import count_sessions, counted

NAN, INF = math.nan, math.inf
ROWS = [("p1/a", "liver", 1, 0.5), ("p1/a", "liver", 2, 1.0), ("p2/a", "liver", 1, 0.1), ("p2/a", "liver", 2, 0.2),
        ("p2/a", "liver", 3, 0.3)]  # fmt: skip


def test_the_last_turn_counts(scores: Any) -> None:
    found = count_sessions(scores(ROWS), ["prompts", "metric"])
    assert found.values.tolist() == [1.0, 0.3]
    assert found.turns.tolist() == [2, 3]
    assert found.keys == [("box", "dice")]


def test_a_session_that_ended_keeps_its_last_value(scores: Any) -> None:
    found = count_sessions(scores(ROWS), ["metric", "turn", "prompts"])
    by_turn = {key: found.values[found.group == number].tolist() for number, key in enumerate(found.keys)}
    assert by_turn == {("dice", 1, "box"): [0.5, 0.1], ("dice", 2, "box"): [1.0, 0.2], ("dice", 3, "box"): [0.3, 1.0]}


def test_an_arm_may_have_more_turns_than_any_session_took(scores: Any) -> None:
    found = count_sessions(scores(ROWS), ["turn"], {"box": 5})
    assert [key[0] for key in found.keys] == [1, 2, 3, 4, 5]
    assert found.values[found.group == 4].tolist() == [1.0, 0.3]


def test_a_curve_has_its_one_value(scores: Any) -> None:
    rows = [*ROWS, ("p1/a", "liver", 0, 0.9), ("p2/a", "liver", 0, 0.8)]
    found = count_sessions(scores(rows, metric=["dice"] * 5 + ["auc dice"] * 2), ["metric", "turn"])
    assert found.keys == [("dice", 1), ("dice", 2), ("dice", 3), ("auc dice", 0)]
    assert found.values[found.group == 3].tolist() == [0.9, 0.8]


def test_a_failed_session_counts_the_worst(scores: Any) -> None:
    rows = [("p1/a", "liver", turn, value) for turn, value in ((1, 0.7), (2, NAN), (3, NAN))]
    table = scores(
        [*rows, ("p1/a", "liver", 0, NAN)], failed=[False, True, True, True], metric=["dice"] * 3 + ["noc@90 dice"]
    )
    assert counted(table).tolist() == [0.7, 0.0, 0.0, 3.0]
    distances = scores(rows, failed=[False, True, True], metric="hd95", diagonal_mm=250.0)
    assert counted(distances).tolist() == [0.7, 250.0, 250.0]


def test_an_infinite_distance_is_the_diagonal_and_what_is_undefined_stays(scores: Any) -> None:
    rows = [("p1/a", "liver", 1, value) for value in (INF, NAN, 3.0)]
    np.testing.assert_array_equal(counted(scores(rows, metric="assd", diagonal_mm=[90.0, 80.0, 70.0])), [90, NAN, 3])


def test_efforts_need_no_diagonal(scores: Any) -> None:
    table = scores(ROWS, metric="clicks").drop_columns(["diagonal_mm"])
    assert counted(table).tolist() == [row[3] for row in ROWS]


@pytest.mark.parametrize("name", ["metric", "prompts"])
def test_apples_and_pears_are_not_averaged(scores: Any, name: str) -> None:
    with pytest.raises(ValueError, match=f"more than one of '{name}'"):
        count_sessions(scores(ROWS, **{name: ["dice", "iou", "dice", "iou", "iou"]}), ["target"])
