import numpy as np
import pytest
import torch

from baselines.imis_lite.scale import PLAIN, Scale


def test_without_a_word_scores_are_what_they_say() -> None:
    scores = torch.tensor([[0.0, 0.3, 0.999], [1.0, 0.5, 0.01]])
    torch.testing.assert_close(PLAIN.of(scores), scores)
    assert Scale.read({}) == Scale.read({"course": "shipped"}) == PLAIN


def test_between_steps_lie_straight_lines() -> None:
    scale = Scale((0.0, 0.1, 0.7))
    found = scale.of(torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0, 1.2, -0.1]))
    torch.testing.assert_close(found, torch.tensor([0.0, 0.05, 0.1, 0.4, 0.7, 0.7, 0.0]))


def test_kept_with_weights() -> None:
    scale = Scale((0.05, 0.2, 0.65))
    assert Scale.read({"course": "shipped", **scale.facts()}) == scale


@pytest.mark.parametrize("seed", range(3))
def test_what_was_too_sure_is_worth_less(seed: int) -> None:
    """Masks whose IoU is 0.8 of the score's square, with noise."""
    rng = np.random.default_rng(seed)
    scores = rng.random(20_000)
    found = (0.8 * scores**2 + rng.normal(0, 0.1, 20_000)).clip(0, 1)
    scale = Scale.fit(scores, found)
    asked = torch.linspace(0.2, 0.95, 16)
    np.testing.assert_allclose(scale.of(asked), 0.8 * asked**2, atol=0.04)
    assert np.all(np.diff(scale.worth) > 0)


def test_what_is_below_all_that_was_measured_is_worth_less() -> None:
    scale = Scale.fit(np.array([0.2, 0.3, 0.9]), np.array([0.4, 0.4, 0.8]))
    found = scale.of(torch.tensor([0.0, 0.1, 0.2]))
    torch.testing.assert_close(found, torch.tensor([0.0, 0.2, 0.4]), atol=0.01, rtol=0)


def test_nothing_to_measure_by() -> None:
    with pytest.raises(ValueError, match="no masks"):
        Scale.fit(np.zeros(0), np.zeros(0))


def test_what_is_worth_the_same_keeps_its_order() -> None:
    scale = Scale.fit(np.array([0.2, 0.4, 0.6, 0.8]), np.array([0.9, 0.1, 0.5, 0.5]))
    found = scale.of(torch.tensor([0.2, 0.4, 0.6, 0.8]))
    assert (found.diff() > 0).all()
    torch.testing.assert_close(found, torch.full((4,), 0.5), atol=0.01, rtol=0)
