import math

import numpy as np
import pytest
from scipy import ndimage

from imedbench.metrics import boundary_iou


def by_definition(truth: np.ndarray, guess: np.ndarray, spacing: tuple[float, ...], width: float) -> float:
    rims = []
    for mask in (truth, guess):
        padded = np.pad(mask, 1)
        depth = ndimage.distance_transform_edt(padded, sampling=spacing)
        rims.append((padded & (depth <= width + 1e-9))[(slice(1, -1),) * mask.ndim])
    return float((rims[0] & rims[1]).sum() / (rims[0] | rims[1]).sum())


@pytest.mark.parametrize("number", range(40))
def test_equals_the_definition(number: int, random_shapes: object) -> None:
    truth, guess, spacing = random_shapes(number)  # type: ignore[operator]
    if not (truth.any() or guess.any()):
        assert math.isnan(boundary_iou(truth, guess, spacing))
        return
    width = max(*spacing, 2.5)
    assert boundary_iou(truth, guess, spacing, width_mm=2.5) == pytest.approx(
        by_definition(truth, guess, spacing, width)
    )


def test_the_width_is_two_percent_of_the_diagonal() -> None:
    truth = np.zeros((300, 400), bool)
    truth[50:200, 50:200] = True
    guess = np.roll(truth, 3, axis=0)
    assert boundary_iou(truth, guess, (1, 1)) == boundary_iou(truth, guess, (1, 1), width_mm=10)
    assert boundary_iou(truth, guess, (1, 1)) > boundary_iou(truth, guess, (1, 1), width_mm=5)


def test_a_hole_inside_is_seen_better_than_by_iou() -> None:
    truth = np.zeros((100, 100), bool)
    truth[10:90, 10:90] = True
    guess = truth.copy()
    guess[48:52, 48:52] = False
    assert boundary_iou(truth, guess, (1, 1)) < 0.97 < (truth & guess).sum() / (truth | guess).sum()


def test_empty_masks() -> None:
    truth, nothing = np.ones((4, 4), bool), np.zeros((4, 4), bool)
    assert boundary_iou(truth, nothing, (1, 1)) == boundary_iou(nothing, truth, (1, 1)) == 0
    assert math.isnan(boundary_iou(nothing, nothing, (1, 1)))
