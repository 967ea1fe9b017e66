import pytest
import torch

from baselines.prism import user
from baselines.prism.course import Session
from baselines.prism.prompts import INSIDE, NOWHERE, OUTSIDE
from baselines.training.order import Place
from baselines.training.trainee import Chance

SIZE = 24
CHANCE = Chance(3, (Place(0, 0, 0, 0), Place(0, 1, 0, 2)))


def cubes() -> tuple[torch.Tensor, torch.Tensor]:
    """Guess and truth of two targets: half of a slab missed and a block too much; nothing wrong."""
    truth, guess = torch.zeros(2, 2, SIZE, SIZE, SIZE, dtype=torch.bool)
    truth[:, 4:20, 6:16, 3:12] = True
    guess[0, 12:20, 6:16, 3:12] = True
    guess[0, 2:8, 18:23, 15:20] = True
    guess[1] = truth[1]
    return guess, truth


BOXES = torch.tensor([[4, 6, 3, 20, 16, 12]] * 2)


def check(where: torch.Tensor, labels: torch.Tensor) -> None:
    """Points of the first target are where it is wrong, with the right label; the second has none."""
    guess, truth = cubes()
    told = labels[0] != NOWHERE
    x, y, z = where[0, told].unbind(1)
    assert (guess[0, x, y, z] != truth[0, x, y, z]).all()
    assert torch.equal(labels[0, told] == INSIDE, truth[0, x, y, z])
    assert (labels[1] == NOWHERE).all()


def test_points_are_where_it_is_wrong() -> None:
    where, labels = user.points(*cubes(), session=Session(points=300, any_number=False), chance=CHANCE, turn=0)
    assert where.shape == (2, 300, 3)
    check(where, labels)
    # 720 voxels are missed and 150 too much.
    assert float((labels[0] == INSIDE).float().mean()) == pytest.approx(720 / 870, abs=0.06)


def test_how_many_points() -> None:
    found = [user.points(*cubes(), session=Session(points=4), chance=CHANCE, turn=turn) for turn in range(60)]
    assert {labels.shape[1] for _, labels in found} == {1, 2, 3, 4}


def test_a_target_has_the_same_points_wherever_it_is() -> None:
    """Alone, as on a device of its own, or the second of two."""
    guess, truth = (each.flip(0) for each in cubes())
    session = Session(points=9, any_number=False)
    together, _ = user.points(guess, truth, session=session, chance=CHANCE, turn=3)
    alone, _ = user.points(guess[1:], truth[1:], session=session, chance=Chance(3, CHANCE.places[1:]), turn=3)
    assert torch.equal(together[1], alone[0])
    same, _ = user.points(guess[[1, 1]], truth[[1, 1]], session=session, chance=CHANCE, turn=3)
    assert not torch.equal(same[0], same[1])


def test_scribbles_are_where_it_is_wrong_and_near() -> None:
    guess, truth = cubes()
    far = guess.clone()
    far[0, 22:, :, 22:] = True
    for margin in (2, 15):
        session = Session(scribble_margin=margin)
        where, labels = user.scribbles(far, truth, BOXES, session=session, chance=CHANCE, turn=0)
        x, y, z = where[0][labels[0] != NOWHERE].unbind(1)
        assert (far[0, x, y, z] != truth[0, x, y, z]).all()
        assert (labels[0] == INSIDE).any()
        assert (labels[1] == NOWHERE).all()
        outside = where[0][labels[0] == OUTSIDE]
        assert bool((outside[:, 2] >= 12 + margin).any()) is False
        # Slice by slice across z: a line in each that misses something.
        assert set(where[0][labels[0] == INSIDE][:, 2].tolist()) == set(range(3, 12))
    assert len(outside)


def test_long_scribbles_are_cut_to_a_run() -> None:
    session = Session(scribble_from=20, scribble_most=15)
    where, labels = user.scribbles(*cubes(), BOXES, session=session, chance=CHANCE, turn=0)
    inside = where[0][labels[0] == INSIDE]
    assert len(inside) == 15
    order = (inside * torch.tensor([SIZE**2, SIZE, 1])).sum(1)
    assert (order.diff() > 0).all()
    other, _ = user.scribbles(*cubes(), BOXES, session=session, chance=CHANCE, turn=1)
    assert not torch.equal(other[0, :15], where[0, :15])


def test_nothing_wrong_nothing_drawn() -> None:
    _, truth = cubes()
    where, labels = user.scribbles(truth, truth, BOXES, session=Session(), chance=CHANCE, turn=0)
    assert where.shape == (2, 0, 3)
    assert labels.shape == (2, 0)


def test_maps_remember_what_was_said() -> None:
    said = torch.zeros(1, 2, 4, 5, 6, dtype=torch.bool)
    first = torch.tensor([[[1, 2, 3], [0, 0, 0]]]), torch.tensor([[INSIDE, NOWHERE]])
    second = torch.tensor([[[3, 4, 5], [1, 2, 3]]]), torch.tensor([[OUTSIDE, OUTSIDE]])
    once = user.marked(said, first)
    twice = user.marked(once, second)
    assert not said.any()
    assert torch.nonzero(once).tolist() == [[0, 0, 1, 2, 3]]
    assert torch.nonzero(twice).tolist() == [[0, 0, 1, 2, 3], [0, 1, 1, 2, 3], [0, 1, 3, 4, 5]]


def test_side_by_side() -> None:
    one = torch.zeros(2, 3, 3), torch.ones(2, 3)
    other = torch.ones(2, 1, 3), torch.zeros(2, 1)
    places, labels = user.together([one, other])
    assert places.shape == (2, 4, 3)
    assert labels[0].tolist() == [1, 1, 1, 0]
