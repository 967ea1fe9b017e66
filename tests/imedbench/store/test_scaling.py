import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from imedbench.masks import MaskInfo, Masks
from imedbench.store.scaling import draw_masks, draw_points, scale_masks

dense_sets = hnp.arrays(np.bool_, st.tuples(st.integers(1, 4), st.integers(1, 12), st.integers(1, 12)))
sizes = st.tuples(st.integers(1, 30), st.integers(1, 30))


def encoded(dense: np.ndarray) -> Masks:
    return Masks.from_dense(dense, [MaskInfo(str(number)) for number in range(len(dense))])


def nearest(dense: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Each new pixel is the old one under its centre; a centre on an edge belongs to the pixel behind it."""
    rows, columns = (
        [math.floor((place + Fraction(1, 2)) * old / new) for place in range(new)]
        for old, new in zip(dense.shape, size, strict=True)
    )
    return dense[rows][:, columns]


@given(dense_sets, sizes)
def test_scaled_masks_are_the_nearest_pixels(dense: np.ndarray, size: tuple[int, int]) -> None:
    scaled = scale_masks(encoded(dense), size)
    assert scaled.infos == encoded(dense).infos
    for mask, before in zip(scaled, dense, strict=True):
        expected = nearest(before, size)
        if before.any() and not expected.any():
            assert mask.sum() == 1
            (row,), (column,) = np.nonzero(mask)
            old = before.shape
            lines = slice(row * old[0] // size[0], -(-(row + 1) * old[0] // size[0]))
            columns = slice(column * old[1] // size[1], -(-(column + 1) * old[1] // size[1]))
            assert before[lines, columns].any()
        else:
            np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("size", [(128, 128), (32, 32), (64, 64), (192, 32), (256, 256)])
def test_scaled_masks_are_those_of_pillow(size: tuple[int, int]) -> None:
    from PIL import Image

    dense = np.random.default_rng(0).random((3, 64, 64)) < 0.4
    for mask, before in zip(scale_masks(encoded(dense), size), dense, strict=True):
        theirs = Image.fromarray(before.astype(np.uint8)).resize(size[::-1], Image.Resampling.NEAREST)
        np.testing.assert_array_equal(mask, np.array(theirs) > 0)


@given(dense_sets)
def test_drawing_all_is_drawing_each(dense: np.ndarray) -> None:
    np.testing.assert_array_equal(draw_masks(encoded(dense)), dense)


def test_drawing_nothing_gives_nothing() -> None:
    assert draw_masks(Masks.empty((4, 5))).shape == (0, 4, 5)


@given(dense_sets.filter(lambda dense: dense.any((1, 2)).all()), st.integers(0, 2**32))
def test_points_lie_in_their_masks(dense: np.ndarray, seed: int) -> None:
    points = draw_points(encoded(dense), np.random.default_rng(seed))
    assert points.dtype == np.float32
    assert dense[np.arange(len(dense)), *points.astype(int).T].all()


def test_points_are_uniform_over_the_mask() -> None:
    dense = np.zeros((1, 6, 7), bool)
    dense[0, 1, 2:7] = dense[0, 4, 0] = dense[0, 5, 3:5] = True
    rng = np.random.default_rng(1)
    draws = np.concatenate([draw_points(encoded(dense), rng) for _ in range(4000)]).astype(int)
    counts = np.zeros((6, 7))
    np.add.at(counts, tuple(draws.T), 1)
    assert (counts[~dense[0]] == 0).all()
    assert counts[dense[0]] == pytest.approx(500, abs=90)


def test_scaling_to_the_same_size_changes_nothing() -> None:
    masks = encoded(np.random.default_rng(0).random((3, 20, 30)) < 0.4)
    same = scale_masks(masks, (20, 30))
    for name in ("indptr", "starts", "lengths"):
        np.testing.assert_array_equal(getattr(same, name), getattr(masks, name))
