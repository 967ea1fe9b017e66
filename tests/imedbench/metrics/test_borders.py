from itertools import product

import numpy as np
import pytest

from imedbench.metrics.borders import Border, bounding_box


@pytest.mark.parametrize("shape", [(5, 7), (3, 64), (4, 63), (2, 130), (4, 5, 6), (3, 2, 64), (2, 3, 129), (1, 1, 1)])
@pytest.mark.parametrize("share", [0.03, 0.5, 1.0])
def test_corners_and_codes_by_definition(shape: tuple[int, ...], share: float) -> None:
    mask = np.random.default_rng(1).random(shape) < share
    padded = np.pad(mask, 1)
    expected = {}
    for corner in np.ndindex(*(side + 1 for side in shape)):
        around = [padded[tuple(np.add(corner, offset))] for offset in product((0, 1), repeat=len(shape))]
        if any(around) and not all(around):
            expected[corner] = sum(1 << place for place, inside in enumerate(around) if inside)
    border = Border.of(mask)
    found = [tuple(corner) for corner in border.corners.T.tolist()]
    assert found == sorted(found) == list(expected)
    assert border.codes.tolist() == list(expected.values())


def test_nothing_has_no_border() -> None:
    border = Border.of(np.zeros((5, 6, 7), bool))
    assert border.corners.shape == (3, 0)
    assert border.codes.shape == (0,)


def test_a_view_in_any_order_of_axes_is_read_right() -> None:
    mask = np.random.default_rng(2).random((6, 70, 9)) < 0.2
    turned = np.asfortranarray(mask)
    np.testing.assert_array_equal(Border.of(turned).corners, Border.of(mask).corners)
    np.testing.assert_array_equal(Border.of(turned).codes, Border.of(mask).codes)


def test_the_box_holds_the_mask_and_no_more() -> None:
    mask = np.zeros((9, 8, 7), bool)
    mask[2, 3, 4] = mask[5, 1, 6] = True
    assert bounding_box(mask) == [(2, 6), (1, 4), (4, 7)]
    assert bounding_box(mask[0]) == [(0, 0), (0, 0)]
