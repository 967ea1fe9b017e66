import dataclasses

import numpy as np
import pytest

from imedbench.masks import MaskInfo, Masks
from imedbench.report.drawing import BACKGROUND, contact_sheet, draw_case, fills, fit, overlay, picture_of
from imedbench.report.planes import View
from imedbench.store import Store


def test_grey_and_colour_and_windows() -> None:
    grey = np.array([[0, 100], [200, 255]], np.uint8)
    assert np.array_equal(picture_of(grey)[..., 1], grey)
    colour = np.dstack([grey, grey // 2, grey // 4])
    assert np.array_equal(picture_of(colour, ("red", "green", "blue")), colour)
    # Three sequences of an MR scan are not a colour picture.
    assert np.array_equal(picture_of(colour, ("t1", "t2", "flair")), picture_of(grey))
    assert picture_of(np.array([[-160.0, 40.0, 240.0, 900.0]]), window=(-160, 240))[0, :, 0].tolist() == [
        0,
        128,
        255,
        255,
    ]


@pytest.mark.parametrize("kind", [np.int16, np.float32, np.uint16, np.bool_])
def test_any_type_can_be_shown(kind: type) -> None:
    assert picture_of(np.arange(12).reshape(3, 4).astype(kind)).dtype == np.uint8


def test_pixels_are_square_millimetres() -> None:
    view = View(np.zeros((10, 20)), Masks.empty((10, 20)), (5.0, 1.0))
    assert fit(view, 100) == (100, 40)
    assert fit(view, 100, extent_mm=100.0) == (50, 20)


def test_small_masks_lie_on_large_ones_and_the_rest_is_untouched() -> None:
    large, small = np.zeros((2, 60, 60), np.bool_)
    large[10:50, 10:50] = True
    small[25:35, 25:35] = True
    masks = Masks.from_dense([small, large], [MaskInfo("a"), MaskInfo("b")])
    picture = np.full((60, 60, 3), 100, np.uint8)
    drawn = overlay(picture, masks, [(255, 0, 0), (0, 0, 255)])
    assert drawn[30, 30, 0] > drawn[30, 30, 2] - 60
    assert drawn[15, 15, 2] > 100 > drawn[15, 15, 0]
    assert np.array_equal(drawn[:8], picture[:8])
    assert np.array_equal(picture, np.full((60, 60, 3), 100))


def test_an_overlay_may_be_larger_than_its_masks() -> None:
    masks = Masks.from_dense(np.ones((1, 4, 4), np.bool_), [MaskInfo("a")])
    drawn = overlay(np.zeros((40, 20, 3), np.uint8), masks, [(255, 255, 255)])
    assert drawn[20, 10].min() > 0


def test_large_masks_are_fainter() -> None:
    dense = np.zeros((2, 10, 10), np.bool_)
    dense[0, 0, 0] = True
    dense[1] = True
    small, large = fills(Masks.from_dense(dense, [MaskInfo("")] * 2))
    assert small > 2 * large


def test_a_volume_is_drawn_in_three_rows_and_a_picture_in_one(sample_store: Store) -> None:
    flat, deep = draw_case(sample_store["s2"]), draw_case(sample_store["s1"])
    assert flat.dtype == deep.dtype == np.uint8
    # 40 x 30 pixels: three panels of 460 x 345 and the gaps between them.
    assert flat.shape[1] == 3 * 345 + 2 * 10 + 40
    assert deep.shape[0] > flat.shape[0]
    assert tuple(flat[0, 0]) == BACKGROUND


def test_a_case_without_masks_can_be_drawn(sample_store: Store) -> None:
    case = sample_store["s2"]
    bare = dataclasses.replace(case, masks=Masks.empty(case.masks.shape))
    assert draw_case(bare).shape[1] < draw_case(case).shape[1]
    assert contact_sheet([bare]).ndim == 3


def test_a_contact_sheet_has_a_cell_for_each_case(sample_store: Store) -> None:
    cases = [sample_store[name] for name in sample_store.ids]
    sheet = contact_sheet(cases, columns=3, side=64)
    assert sheet.shape[1] == 3 * 64 + 2 * 4 + 40
    assert sheet.dtype == np.uint8
    with pytest.raises(ValueError, match="needs a case"):
        contact_sheet([])
