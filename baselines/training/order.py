"""Which samples a step is made of: a function of seed and step, whoever computes it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler


class Place(NamedTuple):
    """A sample of a training run."""

    step: int
    position: int
    """In the step's samples, those of all devices and accumulated batches together."""
    epoch: int
    sample: int
    """Number in the data."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How a step's samples are shared out."""

    batch: int
    """On one device at once."""
    accumulate: int = 1
    rank: int = 0
    world: int = 1

    @property
    def together(self) -> int:
        """Samples of a step."""
        return self.batch * self.accumulate * self.world

    def positions(self, part: int) -> range:
        """Those of this rank's accumulated batch number ``part``.

        Two devices share out what one device with twice the accumulation goes through, batch by batch.
        """
        first = (part * self.world + self.rank) * self.batch
        return range(first, first + self.batch)


class Order(Sampler[list[Place]]):
    """Batches of places for one rank, from a step on; an epoch goes through all data once in a new order.

    Steps do not respect the ends of epochs: one may hold the last samples of an epoch and the first of the next.
    """

    def __init__(self, length: int, shares: Shares, *, seed: int, steps: range) -> None:
        self._length, self._shares, self._seed, self._steps = length, shares, seed, steps

    def __len__(self) -> int:
        return len(self._steps) * self._shares.accumulate

    def __iter__(self) -> Iterator[list[Place]]:
        epoch, order = -1, np.zeros(0, np.int64)
        for step, part in product(self._steps, range(self._shares.accumulate)):
            batch = []
            for position in self._shares.positions(part):
                turn, rank = divmod(step * self._shares.together + position, self._length)
                if turn != epoch:
                    epoch, order = turn, np.random.default_rng([self._seed, turn]).permutation(self._length)
                batch.append(Place(step, position, turn, int(order[rank])))
            yield batch
