import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from scipy.ndimage import binary_erosion, distance_transform_edt

from imedbench.prompts.depth import Region, bounds, centroid, dilated, eroded, region_of, rim, squared_depth

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "shapes.py"))


@given(FAKE["PAIRS"])
def test_depth_is_the_distance_with_everything_beyond_the_image_outside(pair: tuple[Any, Any]) -> None:
    mask = pair[0]
    expected = distance_transform_edt(np.pad(mask, 1))[(slice(1, -1),) * mask.ndim]
    assert np.array_equal(squared_depth(mask), np.rint(expected**2))


@given(FAKE["PAIRS"])
def test_a_crop_has_the_depth_of_the_whole(pair: tuple[Any, Any]) -> None:
    region = region_of(pair[0])
    assert region is not None
    assert np.array_equal(squared_depth(region.mask), squared_depth(pair[0])[region.window])


def test_depth_follows_the_spacing() -> None:
    mask = np.zeros((7, 9), np.bool_)
    mask[1:6, 1:8] = True
    # Three rows of 4 mm, or four columns of 1 mm.
    assert squared_depth(mask, (4.0, 1.0))[3, 4] == 16
    assert squared_depth(mask, (1.0, 4.0))[3, 4] == 9


@given(FAKE["PAIRS"])
def test_bounds_are_the_extremes(pair: tuple[Any, Any]) -> None:
    places = np.argwhere(pair[0])
    assert bounds(pair[0]) == tuple(
        slice(int(first), int(last) + 1) for first, last in zip(places.min(axis=0), places.max(axis=0), strict=True)
    )


def test_nothing_has_no_bounds() -> None:
    empty = np.zeros((3, 4, 5), np.bool_)
    assert bounds(empty) is None
    assert region_of(empty) is None
    assert Region(empty, (1, 1, 1)).tight() is None


@given(FAKE["PAIRS"])
def test_centroid_is_the_mean_position(pair: tuple[Any, Any]) -> None:
    assert centroid(pair[0]) == pytest.approx(np.argwhere(pair[0]).mean(axis=0))


@given(FAKE["PAIRS"])
def test_rim_is_what_erosion_takes(pair: tuple[Any, Any]) -> None:
    assert np.array_equal(rim(pair[0]), pair[0] & ~binary_erosion(pair[0]))


@given(FAKE["PAIRS"])
def test_dilation_by_a_radius(pair: tuple[Any, Any]) -> None:
    mask = pair[0]
    assert np.array_equal(dilated(mask, 2), distance_transform_edt(~mask) <= 2 if not mask.all() else mask)
    assert np.array_equal(dilated(mask, 0), mask)


def test_erosion_by_a_radius_leaves_something() -> None:
    mask = np.zeros((20, 20), np.bool_)
    mask[5:14, 5:16] = True
    assert np.argwhere(eroded(mask, 2)).min(axis=0).tolist() == [7, 7]
    assert np.argwhere(eroded(mask, 2)).max(axis=0).tolist() == [11, 13]
    # The deepest row: nothing is more than 9 pixels deep.
    assert eroded(mask, 9).sum() == 3
    assert np.array_equal(eroded(mask, 0), mask)
    assert not eroded(np.zeros((3, 3), np.bool_), 2).any()


def test_nothing_dilated_is_nothing() -> None:
    assert not dilated(np.zeros((3, 3), np.bool_), 2).any()
