"""Pixels, points and logits go to the network's square and back as in segment_anything."""

from typing import Any

import numpy as np
import pytest
import torch

from baselines.sam.frame import _DIRECT, Frame
from imedbench.types import Box, Click


@pytest.mark.parametrize("grid", [(512, 512), (61, 90), (700, 300), (1100, 900)])
def test_enlarging_equals_segment_anything(random_sam: Any, grid: tuple[int, int]) -> None:
    frame = Frame(grid, 256, 64, "sam")
    logits = torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(0))
    expected = random_sam.postprocess_masks(logits[None], frame.filled, grid)[0]
    assert torch.allclose(frame.enlarge(logits), expected, atol=1e-4)


def test_large_images_take_the_other_way() -> None:
    assert 512 * 512 <= _DIRECT < 1100 * 900


def test_points_and_boxes_turn_to_x_y_and_scale() -> None:
    frame = Frame((100, 200), 1024, 256, "sam")
    places, labels = frame.points([[Click((10.0, 20.0)), Click((50.0, 199.0), inside=False)]])
    assert places.tolist() == [[[102.4, 51.2], [1018.88, 256.0]]]
    assert labels.tolist() == [[1, 0]]
    # The last pixel inside a box is one less than its exclusive high corner.
    assert frame.boxes([Box((10.0, 20.0), (11.0, 41.0))]).tolist() == [[102.4, 51.2, 204.8, 51.2]]


def test_lite_scales_both_axes_by_the_longest_side() -> None:
    assert Frame((100, 333), 256, 256, "lite").factors == (256 / 333, 256 / 333)
    assert Frame((100, 333), 256, 256, "sam").factors == (77 / 100, 256 / 333)


def test_the_longest_side_fills_the_square() -> None:
    frame = Frame((100, 333), 256, 256, "lite")
    assert frame.filled == (77, 256)
    assert frame.fit(np.zeros((100, 333, 3), np.uint8)).shape == (77, 256, 3)


def test_shrinking_keeps_the_object_and_is_outside_beyond_the_image() -> None:
    frame = Frame((100, 200), 1024, 256, "sam")
    logits = np.full((100, 200), -5, np.float32)
    logits[20:60, 40:120] = 7
    small = frame.shrink(logits)
    assert small.shape == (1, 256, 256)
    assert (small[0, 128:] == -5).all()
    back = frame.enlarge(small)[0].numpy() > 0
    truth = logits > 0
    assert (back & truth).sum() / (back | truth).sum() > 0.95
