"""Metrics that count voxels."""

import math

import numpy as np

from imedbench.metrics.pairs import Spacing, as_pair
from imedbench.types import Mask


def dice(truth: Mask, guess: Mask, spacing_mm: Spacing | None = None) -> float:
    """Twice the overlap over the summed sizes, 0 to 1; NaN where both are empty."""
    both, in_truth, in_guess = _counts(truth, guess)
    total = in_truth + in_guess
    return 2 * both / total if total else math.nan


def iou(truth: Mask, guess: Mask, spacing_mm: Spacing | None = None) -> float:
    """The overlap over the union (Jaccard index), 0 to 1; NaN where both are empty."""
    both, in_truth, in_guess = _counts(truth, guess)
    union = in_truth + in_guess - both
    return both / union if union else math.nan


def volume_error(truth: Mask, guess: Mask, spacing_mm: Spacing | None = None) -> float:
    """How far the guess's size is off, as a share of the truth's: 0 for equal sizes, 1 for an empty guess, no bound.

    Infinite where only the truth is empty, NaN where both are.
    """
    _, in_truth, in_guess = _counts(truth, guess)
    if not in_truth:
        return math.inf if in_guess else math.nan
    return abs(in_guess - in_truth) / in_truth


def _counts(truth: Mask, guess: Mask) -> tuple[int, int, int]:
    """Voxels in both, in the truth and in the guess."""
    truth, guess = as_pair(truth, guess)
    return int(np.count_nonzero(truth & guess)), int(np.count_nonzero(truth)), int(np.count_nonzero(guess))
