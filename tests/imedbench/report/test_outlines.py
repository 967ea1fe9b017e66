import re

import cv2
import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given

from imedbench.masks import MaskInfo, Masks
from imedbench.report.outlines import svg_paths


def filled(path: str, shape: tuple[int, int], finer: int = 8) -> np.ndarray:
    """The path painted with the even-odd rule, sampled at the centres of pixels."""
    canvas = np.zeros((shape[0] * finer, shape[1] * finer), np.uint8)
    rings = [
        np.array([[float(value) for value in place.split(",")] for place in ring.split("L")])
        for ring in re.findall(r"M([^Z]*)Z", path)
    ]
    cv2.fillPoly(canvas, [np.rint(ring * finer).astype(np.int32) for ring in rings], 1)
    return canvas[finer // 2 :: finer, finer // 2 :: finer].astype(bool)


@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_a_disc_with_a_hole_keeps_its_shape(scale: float) -> None:
    y, x = np.mgrid[:80, :90]
    distance = np.hypot(y - 40, x - 45)
    mask = (distance < 30) & (distance > 10)
    (path,) = svg_paths(Masks.from_dense([mask], [MaskInfo("")]), (scale, scale))
    large = filled(path, (int(80 * scale), int(90 * scale)))
    found = cv2.resize(large.astype(np.uint8), (90, 80), interpolation=cv2.INTER_NEAREST).astype(bool)
    assert (found & mask).sum() / (found | mask).sum() > 0.96
    assert path.count("Z") == 2
    assert len(path) < 1500


@given(arrays.arrays(np.bool_, (9, 11)))
def test_any_mask_has_a_path_inside_the_picture(mask: np.ndarray) -> None:
    (path,) = svg_paths(Masks.from_dense([mask], [MaskInfo("")]), (1.0, 1.0))
    assert bool(path) == bool(mask.any())
    for x, y in re.findall(r"([\d.-]+),([\d.-]+)", path):
        assert 0 <= float(x) <= 11
        assert 0 <= float(y) <= 9


def test_a_single_pixel_is_a_square() -> None:
    mask = np.zeros((5, 5), np.bool_)
    mask[2, 3] = True
    (path,) = svg_paths(Masks.from_dense([mask], [MaskInfo("")]), (1.0, 1.0))
    assert np.array_equal(filled(path, (5, 5)), mask)
