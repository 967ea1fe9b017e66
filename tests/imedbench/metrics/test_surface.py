import math
from typing import Any

import numpy as np
import pytest

from imedbench.metrics import Surfaces, assd, hd95, surface_dice

BALL = np.linalg.norm(np.indices((24, 24, 24)) - 12, axis=0) < 8


@pytest.mark.filterwarnings("ignore:Please import")
@pytest.mark.parametrize("number", range(150))
def test_equals_the_peer(number: int, random_shapes: Any, peer: Any) -> None:
    truth, guess, spacing = random_shapes(number)
    ours = Surfaces(truth, spacing).against(guess)
    if not (truth.any() or guess.any()):
        assert math.isnan(ours.hd(95))
        return
    theirs = peer.compute_surface_distances(truth, guess, spacing)
    for tolerance in (0.0, 1.0, spacing[0], 2 * spacing[-1], 3.3):
        expected = peer.compute_surface_dice_at_tolerance(theirs, tolerance)
        assert ours.nsd(tolerance) == pytest.approx(expected, abs=1e-9)
    for percent in (50, 95, 100):
        expected = peer.compute_robust_hausdorff(theirs, percent)
        assert ours.hd(percent) == pytest.approx(expected, abs=1e-9)
    if truth.any() and guess.any():
        areas = theirs["surfel_areas_gt"].sum(), theirs["surfel_areas_pred"].sum()
        expected = np.dot(peer.compute_average_surface_distance(theirs), areas) / sum(areas)
        assert ours.assd() == pytest.approx(expected, abs=1e-9)


def test_the_surface_of_a_ball() -> None:
    distances = Surfaces(BALL, (1, 1, 1)).against(BALL)
    # The ball of the voxels with centres inside; its surface is between that of radius 7 and 8.
    assert 4 * math.pi * 7**2 < distances.truth_areas.sum() < 1.1 * 4 * math.pi * 8**2
    assert distances.nsd(0) == 1
    assert distances.hd() == distances.assd() == 0


def test_a_shift_by_whole_voxels_is_measured_in_mm() -> None:
    box = np.zeros((20, 30), bool)
    box[5:15, 5:15] = True
    shifted = np.roll(box, 3, axis=1)
    assert hd95(box, shifted, (1, 0.7)) == 3 * 0.7
    assert surface_dice(box, shifted, (1, 0.7), tolerance_mm=3 * 0.7) == 1
    assert 0 < surface_dice(box, shifted, (1, 0.7), tolerance_mm=2) < 1
    assert 0 < assd(box, shifted, (1, 0.7)) < 3 * 0.7


@pytest.mark.parametrize("shape", [(6, 7), (5, 6, 7)])
def test_empty_masks(shape: tuple[int, ...]) -> None:
    full, nothing, spacing = np.ones(shape, bool), np.zeros(shape, bool), (1.0,) * len(shape)
    for truth, guess in ((full, nothing), (nothing, full)):
        assert surface_dice(truth, guess, spacing, tolerance_mm=1e9) == 0
        assert hd95(truth, guess, spacing) == assd(truth, guess, spacing) == math.inf
    assert math.isnan(surface_dice(nothing, nothing, spacing, tolerance_mm=1))
    assert math.isnan(hd95(nothing, nothing, spacing))
    assert math.isnan(assd(nothing, nothing, spacing))


def test_a_truth_serves_many_guesses() -> None:
    surfaces = Surfaces(BALL, (2, 1, 1))
    for shift in range(4):
        guess = np.roll(BALL, shift, axis=0)
        assert surfaces.against(guess).hd(95) == hd95(BALL, guess, (2, 1, 1))
    with pytest.raises(ValueError, match="differ in shape"):
        surfaces.against(BALL[1:])


def test_nothing_but_the_spacing_decides_the_unit() -> None:
    guess = np.roll(BALL, 2, axis=1)
    near, far = (Surfaces(BALL, (step, step, step)).against(guess) for step in (1.0, 10.0))
    assert far.hd() == pytest.approx(10 * near.hd())
    assert far.nsd(10) == pytest.approx(near.nsd(1))
