from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
import torch

from baselines.training.order import Order, Place, Shares
from baselines.training.reading import batches, order_of, to_device
from baselines.training.trainee import Samples
from imedbench.errors import BadStore


class Numbers(Samples):
    def __init__(self, broken: int = -1) -> None:
        self._broken = broken

    def __len__(self) -> int:
        return 6

    def __getitem__(self, place: Place) -> float:
        if place.sample == self._broken:
            message = f"discs/case{place.sample}: the mask is cut short; build the store anew."
            raise BadStore(message)
        return float(place.sample)

    def collate(self, samples: Sequence[float]) -> dict[str, Any]:
        return {"values": torch.tensor(samples)}


def test_batches_in_order() -> None:
    order = Order(6, Shares(2), seed=1, steps=range(4))
    found = list(batches(Numbers(), order, workers=0, device=torch.device("cpu")))
    assert [list(read.places) for read in found] == list(order)
    assert [read.batch["values"].tolist() for read in found] == [[float(p.sample) for p in batch] for batch in order]


def test_a_sample_that_cannot_be_read_stops_with_its_own_words() -> None:
    order = Order(6, Shares(2), seed=1, steps=range(4))
    with pytest.raises(BadStore) as caught:
        list(batches(Numbers(broken=3), order, workers=0, device=torch.device("cpu")))
    assert str(caught.value) == "discs/case3: the mask is cut short; build the store anew."


def test_nothing_to_learn_from() -> None:
    class Nothing(Numbers):
        def __len__(self) -> int:
            return 0

    with pytest.raises(ValueError, match="nothing to learn from"):
        order_of(Nothing(), Shares(1), seed=0, steps=range(1))


def test_moving_keeps_the_shape_of_a_batch() -> None:
    class Pair(NamedTuple):
        tensor: torch.Tensor
        names: tuple[str, ...]

    batch = {"pair": Pair(torch.zeros(2), ("a",)), "list": [torch.ones(1), None]}
    moved = to_device(batch, torch.device("meta"))
    assert moved["pair"].tensor.device.type == "meta"
    assert moved["pair"].names == ("a",)
    assert moved["list"][0].device.type == "meta"
    assert moved["list"][1] is None
