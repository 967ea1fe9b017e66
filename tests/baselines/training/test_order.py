from itertools import chain

import pytest

from baselines.training.order import Order, Shares


def places(shares: Shares, steps: range, length: int = 5) -> list[list[tuple[int, int, int, int]]]:
    return [[tuple(place) for place in batch] for batch in Order(length, shares, seed=3, steps=steps)]


def test_an_epoch_is_everything_once() -> None:
    met = [(epoch, sample) for _, _, epoch, sample in chain.from_iterable(places(Shares(2), range(10)))]
    for epoch in range(4):
        assert sorted(sample for turn, sample in met if turn == epoch) == list(range(5))
    assert met[:5] != [(0, sample) for _, sample in met[5:10]]


def test_another_seed_is_another_order() -> None:
    shares = Shares(20)
    first = [place.sample for place in next(iter(Order(20, shares, seed=1, steps=range(1))))]
    assert first != [place.sample for place in next(iter(Order(20, shares, seed=2, steps=range(1))))]


def test_going_on_is_having_gone_through() -> None:
    assert places(Shares(3, 2), range(10))[8:] == places(Shares(3, 2), range(4, 10))


@pytest.mark.parametrize(("accumulate", "world"), [(1, 2), (2, 3)])
def test_devices_share_out_what_one_accumulates(accumulate: int, world: int) -> None:
    """Batch by batch, so that a loss over a batch is over the same samples."""
    alone = places(Shares(2, accumulate * world), range(4))
    ranks = [places(Shares(2, accumulate, rank, world), range(4)) for rank in range(world)]
    assert alone == list(chain.from_iterable(zip(*ranks, strict=True)))


def test_its_length() -> None:
    order = Order(5, Shares(3, 2), seed=0, steps=range(4, 10))
    assert len(order) == len(list(order)) == 12
