import numpy as np
import torch

from baselines.training.clicks import NOWHERE, clicks_in, corrections


def draws(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).random(shape, np.float32))


def test_every_pixel_of_a_region_is_met_as_often() -> None:
    region = torch.zeros(2, 5, 7, dtype=torch.bool)
    region[0, 1, 2] = region[0, 4, 6] = region[0, 0, 0] = True
    region[1] = True
    places, found = clicks_in(region, draws(2, 9000))
    assert found.all()
    assert region[torch.arange(2)[:, None], places[..., 0], places[..., 1]].all()
    for mask, clicked in zip(region, places, strict=True):
        times = torch.bincount(clicked[:, 0] * 7 + clicked[:, 1], minlength=35)
        assert times[~mask.flatten()].sum() == 0
        assert (times[mask.flatten()] / (9000 / mask.sum())).sub(1).abs().max() < 0.2


def test_the_ends_of_chance_stay_inside() -> None:
    region = torch.zeros(1, 4, 4, dtype=torch.bool)
    region[0, 2, 1] = region[0, 3, 3] = True
    places, _ = clicks_in(region, torch.tensor([[0.0, 0.49, 0.5, 1.0]]))
    assert places[0].tolist() == [[2, 1], [2, 1], [3, 3], [3, 3]]


def test_nowhere_to_click() -> None:
    places, found = clicks_in(torch.zeros(1, 4, 4, dtype=torch.bool), draws(1, 3))
    assert not found.any()
    assert not places.any()


def test_corrections_are_on_errors_and_say_which_side() -> None:
    truth = torch.zeros(3, 8, 8, dtype=torch.bool)
    truth[0, :4], truth[1, :4], truth[2, :4] = True, True, True
    guess = truth.clone()
    guess[0, 0], guess[1, 7] = False, True
    places, labels = corrections(guess, truth, draws(3, 20))
    assert set(places[0, :, 0].tolist()) == {0}
    assert set(labels[0].tolist()) == {1}
    assert set(places[1, :, 0].tolist()) == {7}
    assert set(labels[1].tolist()) == {0}
    assert set(labels[2].tolist()) == {NOWHERE}
