import runpy
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from imedbench.prompts.base import Scene
from imedbench.prompts.mask import MaskUser, moved, with_sign

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "shapes.py"))
ellipse = FAKE["ellipse"]
TRUTH = ellipse((40, 40), (20, 20), (10, 8))


def given_mask(user: MaskUser, truth: Any = TRUTH, seed: int = 0, logits: Any = None) -> Any:
    (prompt,) = user(truth, np.zeros_like(truth), np.random.default_rng(seed), Scene(logits=logits))
    assert prompt.logits.shape == truth.shape
    assert prompt.logits.dtype == np.float32
    return prompt.logits


def test_the_last_answer_as_it_is() -> None:
    logits = np.random.default_rng(0).normal(size=TRUTH.shape).astype(np.float32)
    assert np.array_equal(given_mask(MaskUser(), logits=logits), logits)


def test_no_answer_yet() -> None:
    assert MaskUser()(TRUTH, ~TRUTH, np.random.default_rng(0)) == ()


def test_the_truth_as_logits() -> None:
    assert np.array_equal(given_mask(MaskUser(source="truth", certainty=3)), np.where(TRUTH, 3, -3))


def test_eroded_and_dilated() -> None:
    less = given_mask(MaskUser(source="truth", eroded=3)) > 0
    more = given_mask(MaskUser(source="truth", dilated=3)) > 0
    assert np.argwhere(less).min(axis=0).tolist() == [14, 16]
    assert np.argwhere(more).min(axis=0).tolist() == [8, 10]
    assert less.sum() < TRUTH.sum() < more.sum()


def test_shifted_within_its_bounds() -> None:
    found = set()
    for seed in range(200):
        mask = given_mask(MaskUser(source="truth", shifted=2), seed=seed) > 0
        assert mask.sum() == TRUTH.sum()
        found.add(tuple(np.argwhere(mask).min(axis=0) - np.argwhere(TRUTH).min(axis=0)))
    assert found == {(row, column) for row in range(-2, 3) for column in range(-2, 3)}


def test_holes_are_in_the_mask_and_of_their_radius() -> None:
    mask = given_mask(MaskUser(source="truth", holes=1, hole_radius=2)) > 0
    hole = np.argwhere(TRUTH & ~mask)
    assert not (mask & ~TRUTH).any()
    assert 3 <= len(hole) <= 13
    assert (hole.max(axis=0) - hole.min(axis=0)).max() <= 4


def test_damage_turns_the_sign_of_the_last_answer_only_where_it_must() -> None:
    logits = np.where(TRUTH, 5, -2).astype(np.float32)
    damaged = given_mask(MaskUser(eroded=2), logits=logits)
    assert set(np.unique(damaged)) == {-5, -2, 5}
    assert np.array_equal(damaged == -5, TRUTH & (damaged < 0))


def test_a_logit_of_zero_can_become_inside() -> None:
    zeros = np.zeros((3, 3), np.float32)
    mask = np.eye(3, dtype=np.bool_)
    assert np.array_equal(with_sign(zeros, mask) > 0, mask)
    assert with_sign(zeros, mask).dtype == np.float32


@given(FAKE["PAIRS"], st.integers(-9, 9), st.integers(-9, 9))
def test_moving_is_a_roll_without_what_leaves(pair: tuple[Any, Any], first: int, last: int) -> None:
    mask = pair[0]
    steps = [first, *[0] * (mask.ndim - 2), last]
    wide = np.pad(mask, 10)
    rolled = np.roll(wide, steps, axis=tuple(range(mask.ndim)))[(slice(10, -10),) * mask.ndim]
    assert np.array_equal(moved(mask, steps), rolled)


def test_nothing_moved_is_nothing() -> None:
    assert not moved(np.zeros((3, 3), np.bool_), [1, 1]).any()
