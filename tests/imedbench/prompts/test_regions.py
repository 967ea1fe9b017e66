from typing import Any

import numpy as np
import pytest

from imedbench.prompts.regions import RegionName, View, clicked_voxels, select, views
from imedbench.types import Box, Click

NOBODY = clicked_voxels((), 2)


def scene() -> tuple[Any, Any]:
    """Missed: 3 x 3 (deepest 2) and one pixel; surplus: 2 x 8 touching nothing."""
    truth, guess = np.zeros((12, 16), np.bool_), np.zeros((12, 16), np.bool_)
    truth[1:4, 1:4] = truth[6, 6] = truth[10, 1:5] = guess[10, 1:5] = True
    guess[8:10, 8:16] = True
    return truth, guess


def chosen(name: RegionName, view: View, seed: int = 0) -> Any:
    """The region as a mask of the grid."""
    region = select(view, name, np.random.default_rng(seed))
    assert region is not None
    mask = np.zeros(view.truth.shape, np.bool_)
    mask[region.window] = region.mask
    return mask


def test_regions_are_what_their_names_say() -> None:
    truth, guess = scene()
    view = View(truth, guess, NOBODY)
    assert np.array_equal(chosen("object", view), truth)
    assert np.array_equal(chosen("background", view), ~truth)
    assert np.array_equal(chosen("missed", view), truth & ~guess)
    assert np.array_equal(chosen("surplus", view), guess & ~truth)
    assert np.array_equal(chosen("any-error", view), truth ^ guess)


def test_the_largest_error_is_one_component() -> None:
    truth, guess = scene()
    assert chosen("largest-error", View(truth, guess, NOBODY)).sum() == 16


def test_components_join_at_corners() -> None:
    truth, guess = np.zeros((6, 6), np.bool_), np.zeros((6, 6), np.bool_)
    truth[0, 0] = truth[1, 1] = guess[2, 2] = True
    truth[5, 4:] = True
    assert np.argwhere(chosen("largest-error", View(truth, guess, NOBODY))).tolist() == [[0, 0], [1, 1], [2, 2]]


def test_the_deeper_error_may_be_the_smaller() -> None:
    truth, guess = scene()
    assert np.array_equal(chosen("deeper-error", View(truth, guess, NOBODY)), truth & ~guess)


def test_depth_counts_only_where_nobody_clicked() -> None:
    truth, guess = scene()
    clicked = clicked_voxels([Click((2, 2))], 2)
    # Both are one deep now, and among equals it is surplus.
    assert np.array_equal(chosen("deeper-error", View(truth, guess, clicked)), guess & ~truth)


def test_the_coin_is_fair_and_falls_only_where_there_are_both() -> None:
    truth, guess = scene()
    view = View(truth, guess, NOBODY)
    heads = sum(bool(chosen("coin", view, seed)[2, 2]) for seed in range(400))
    # Four standard deviations.
    assert 160 < heads < 240
    assert all(
        np.array_equal(chosen("coin", View(truth, truth & guess, NOBODY), seed), truth & ~guess) for seed in range(9)
    )


def test_a_mistake_that_is_clicked_all_over_comes_last() -> None:
    truth, guess = np.zeros((5, 9), np.bool_), np.zeros((5, 9), np.bool_)
    truth[1, 1:4] = True
    guess[3, 5] = True
    clicked = clicked_voxels([Click((1, 1)), Click((1, 2)), Click((1, 3))], 2)
    for name in ("largest-error", "coin", "deeper-error"):
        assert all(chosen(name, View(truth, guess, clicked), seed)[3, 5] for seed in range(5))
    everything = np.vstack([clicked, [[3, 5]]])
    assert chosen("largest-error", View(truth, guess, everything)).sum() == 3


@pytest.mark.parametrize("name", ["largest-error", "deeper-error", "any-error", "missed", "surplus", "coin"])
def test_no_mistake_no_region(name: RegionName) -> None:
    truth, _ = scene()
    assert select(View(truth, truth, NOBODY), name, np.random.default_rng(0)) is None


def test_only_clicks_are_clicked() -> None:
    given = [Click((1.0, 2.4)), Box((0, 0), (3, 3)), Click((4.0, 5.0), inside=False)]
    assert clicked_voxels(given, 2).tolist() == [[1, 2], [4, 5]]
    assert clicked_voxels([], 3).shape == (0, 3)


def test_views_are_the_slices_with_a_part_of_the_region() -> None:
    truth, guess = np.zeros((7, 4, 4), np.bool_), np.zeros((7, 4, 4), np.bool_)
    truth[1:5] = guess[3:6] = True
    view = View(truth, guess, clicked_voxels([Click((3, 1, 2))], 3), (5.0, 2.0, 1.0))

    def planes(name: RegionName, slices: Any) -> list[int | None]:
        return [part.plane for part in views(view, name, slices)]

    assert planes("object", "volume") == [None]
    assert planes("object", "each") == [1, 2, 3, 4]
    assert planes("object", "middle") == [3]
    assert planes("missed", "each") == [1, 2]
    assert planes("surplus", "each") == [5]
    assert planes("coin", "each") == [1, 2, 5]
    assert planes("background", "each") == [0, 5, 6]
    here = next(views(view, "object", "middle"))
    assert here.spacing_mm == (2.0, 1.0)
    assert here.clicked.tolist() == [[1, 2]]
    assert here.place([1, 2]) == (3, 1, 2)


def test_a_slice_of_no_region_is_no_view() -> None:
    truth = np.ones((2, 3, 3), np.bool_)
    assert list(views(View(truth, truth, clicked_voxels((), 3)), "any-error", "middle")) == []


def test_components_of_one_row_are_told_apart() -> None:
    truth, guess = np.zeros((1, 4), np.bool_), np.zeros((1, 4), np.bool_)
    truth[0, 0] = guess[0, 3] = True
    assert np.argwhere(chosen("largest-error", View(truth, guess, NOBODY))).tolist() == [[0, 0]]
