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


@pytest.mark.parametrize("grid", [(512, 512), (61, 90), (700, 300)])
def test_enlarging_what_is_as_fine_as_the_square(grid: tuple[int, int]) -> None:
    frame = Frame(grid, 256, 256, "lite")
    logits = torch.randn(3, 256, 256, generator=torch.Generator().manual_seed(0)) * 10
    height, width = frame.filled
    expected = torch.nn.functional.interpolate(logits[None, :, :height, :width], grid, mode="bilinear")[0]
    assert torch.allclose(frame.enlarge(logits), expected, atol=1e-3)
    assert frame.enlarge(logits[:0]).shape == (0, *grid)


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


@pytest.mark.parametrize("scaling", ["medsam", "med2d"])
def test_others_stretch_the_image_over_the_square(scaling: Any) -> None:
    frame = Frame((100, 200), 256, 64, scaling)
    assert frame.filled == (256, 256)
    assert frame.factors == (2.56, 1.28)
    assert frame.fit(np.zeros((100, 200, 3), np.uint8)).shape == (256, 256, 3)
    last = {"medsam": 1, "med2d": 0}[scaling]
    box = frame.boxes([Box((10.0, 20.0), (12.0, 41.0))])[0].numpy()
    np.testing.assert_allclose(box, [25.6, 25.6, (41 - last) * 1.28, (12 - last) * 2.56])


def test_medsam_interpolates_probabilities() -> None:
    frame = Frame((100, 90), 1024, 256, "medsam")
    logits = torch.randn(2, 256, 256, generator=torch.Generator().manual_seed(0)) * 3
    likely = torch.nn.functional.interpolate(torch.sigmoid(logits)[None], (100, 90), mode="bilinear")[0]
    found = frame.enlarge(logits)
    assert torch.equal(found > 0, likely > 0.5)
    assert torch.allclose(torch.sigmoid(found), likely, atol=1e-5)
    assert torch.isfinite(frame.enlarge(torch.full((1, 256, 256), 100.0))).all()


@pytest.mark.parametrize("grid", [(100, 90), (400, 301)])
@pytest.mark.parametrize("channels", [1, 3])
def test_medsam_scales_as_scikit_image(grid: tuple[int, int], channels: int) -> None:
    transform = pytest.importorskip("skimage.transform", reason="scikit-image is the reference")
    pixels = np.random.default_rng(0).integers(0, 256, (*grid, channels), np.uint8).repeat(4 - channels, 2)[..., :3]
    expected = transform.resize(pixels, (256, 256), order=3, preserve_range=True, anti_aliasing=True).astype(np.uint8)
    found = Frame(grid, 256, 64, "medsam").fit(pixels)
    # A value that is whole but for rounding may be cut to the next one.
    difference = np.abs(found.astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01
