import runpy
from pathlib import Path
from typing import Any

import cc3d
import numpy as np
import pytest
from hypothesis import given

from imedbench.prompts.depth import squared_depth
from imedbench.prompts.strokes import contour, lines, noise, skeleton, thickened, warped

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "shapes.py"))
ellipse = FAKE["ellipse"]
BEAN = ellipse((60, 90), (30, 45), (20, 40)) & ~ellipse((60, 90), (50, 45), (15, 12))


@given(FAKE["PAIRS"])
def test_a_skeleton_lies_in_the_mask_and_is_never_empty(pair: tuple[Any, Any]) -> None:
    thin = skeleton(pair[0])
    assert thin.any()
    assert not (thin & ~pair[0]).any()


@pytest.mark.parametrize("mask", [BEAN, ellipse((30, 40, 50), (15, 20, 25), (4, 15, 20))])
def test_a_skeleton_is_thin_in_one_piece_and_in_the_middle(mask: Any) -> None:
    thin = skeleton(mask)
    assert cc3d.connected_components(thin.view(np.uint8), connectivity=8 if mask.ndim == 2 else 26).max() == 1
    assert squared_depth(thin).max() == 1
    assert np.median(squared_depth(mask)[thin]) > np.median(squared_depth(mask)[mask])


def test_a_mask_at_the_border_is_thinned_as_in_the_middle() -> None:
    bar = np.zeros((9, 40), np.bool_)
    bar[2:7, :] = True
    wide = np.pad(bar, 5)
    assert np.array_equal(skeleton(bar), skeleton(wide)[5:-5, 5:-5])


def test_lines_join_voxels_of_the_mask() -> None:
    rng = np.random.default_rng(0)
    for mask in (BEAN, ellipse((20, 20, 20), (10, 10, 10), (8, 8, 8))):
        line = lines(mask, 1, rng)
        assert cc3d.connected_components(line.view(np.uint8), connectivity=8 if mask.ndim == 2 else 26).max() == 1
        assert (line & mask).sum() >= 1
    convex = ellipse((40, 40), (20, 20), (15, 12))
    assert not (lines(convex, 5, rng) & ~convex).any()


def test_a_contour_is_inside_and_leaves_a_rim_of_any_width() -> None:
    disc = ellipse((80, 80), (40, 40), (30, 30))
    depth = np.sqrt(squared_depth(disc))
    widths = []
    for seed in range(60):
        outline = contour(disc, 8, np.random.default_rng(seed))
        assert not (outline & ~disc).any()
        assert np.ptp(depth[outline]) < 3
        widths.append(np.median(depth[outline]))
    assert min(widths) < 5
    assert max(widths) > 15


def test_a_pen_is_a_square() -> None:
    dot = np.zeros((7, 7), np.bool_)
    dot[3, 3] = True
    assert np.argwhere(thickened(dot, 3)).tolist() == [[row, column] for row in (2, 3, 4) for column in (2, 3, 4)]
    assert thickened(dot, 1) is dot


@pytest.mark.parametrize("smoothing", [4, 9, 16])
def test_noise_is_as_that_of_a_large_image(smoothing: float) -> None:
    """Mean 0, deviation 1, and the autocorrelation of blurred white noise, whatever the size of the crop."""
    small = np.stack([noise((12, 9), smoothing, np.random.default_rng(seed)) for seed in range(1500)])
    assert np.abs(small.mean(axis=0)).max() < 0.12
    assert np.abs(small.std(axis=0) - 1).max() < 0.12
    apart = np.mean(small[:, 0, 0] * small[:, 8, 0])
    assert apart == pytest.approx(np.exp(-(8**2) / (4 * smoothing**2)), abs=0.12)


def test_noise_in_three_dimensions() -> None:
    field = noise((50, 60, 70), 4, np.random.default_rng(0))
    assert field.shape == (50, 60, 70)
    assert field.std() == pytest.approx(1, abs=0.1)


def test_warping_moves_what_is_drawn() -> None:
    stroke = np.zeros((20, 20), np.bool_)
    stroke[5, 4:12] = True
    # A voxel shows what lies three rows below and half a column to the right.
    seen = warped(stroke, [np.full((20, 20), 3.0), np.full((20, 20), 0.5)])
    assert np.argwhere(seen).tolist() == [[2, column] for column in range(3, 12)]
    assert np.array_equal(warped(stroke, [np.zeros((20, 20))] * 2), stroke)
