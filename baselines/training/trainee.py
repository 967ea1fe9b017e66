"""What the loop asks of a network that is to be trained: data, a simulated session, losses."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from baselines.training.course import Course
from baselines.training.order import Place
from imedbench.store import Store

Losses = Mapping[str, Tensor]
"""Scalars by name, on the device; ``loss`` is what is minimised, the others are for the log."""


@dataclass(frozen=True, slots=True)
class Chance:
    """Where the random choices of a batch come from: not from who makes them, or when."""

    seed: int
    places: tuple[Place, ...]

    def common(self, number: int) -> np.random.Generator:
        """For choices that all samples of the step share; ``number`` is that of the round."""
        return np.random.default_rng([self.seed, self.places[0].step, number])

    def own(self, sample: int, number: int) -> np.random.Generator:
        """For choices of this sample of the batch."""
        place = self.places[sample]
        return np.random.default_rng([self.seed, place.step, number, 1 + place.position])

    def draws(self, number: int, shape: tuple[int, ...]) -> Tensor:
        """(b n, ...) numbers of 0 to 1 in single precision, on the CPU: n for each sample, from its own chance.

        Args:
            number: of the round.
            shape: (n, ...) of each sample.
        """
        each = [self.own(sample, number).random(shape, np.float32) for sample in range(len(self.places))]
        return torch.from_numpy(np.concatenate(each))


class Samples(Dataset[Any], ABC):
    """What is learned from: `Place`s in, samples out; read by workers, so without the network."""

    @abstractmethod
    def __len__(self) -> int:
        """How many there are in an epoch."""

    @abstractmethod
    def __getitem__(self, place: Place) -> Any:
        """The sample, the same for the same epoch and index.

        Raises:
            BadStore: what the store holds of the case is damaged; the message names the case.
        """

    @abstractmethod
    def collate(self, samples: Sequence[Any]) -> Any:
        """A batch: tensors in tuples or dataclasses, moved to the device by the loop."""


class Trainee(Protocol):
    """A network, how its user is simulated, and what it is judged by."""

    @property
    def network(self) -> nn.Module:
        """What is trained and kept; parameters that do not require a gradient stay as they are."""
        ...

    @property
    def facts(self) -> Mapping[str, str]:
        """Kept in the header of the weights: what the model's loader must know besides them."""
        ...

    def samples(self, stores: Sequence[Store]) -> Samples:
        """The training data.

        Raises:
            BadStore: a store has nothing to learn from.
        """
        ...

    def begin(self, batch: Any, chance: Chance) -> Any:
        """What a session keeps between its rounds; images are encoded here, once."""
        ...

    def rounds(self, state: Any) -> int:
        """Rounds of the session, the first included; the same on all devices."""
        ...

    def round(self, state: Any, number: int) -> Losses:
        """One round, from 0: prompts, answers, losses; changes ``state`` for the next. Called with gradients on."""
        ...

    def end(self, state: Any) -> None:
        """After the last round's gradients: takes those of what the rounds shared further back, to the weights.

        A network that makes something of an image once, with weights that learn, gives its rounds detached copies of it
        and sends the sum of their gradients on from here.
        """
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """How a name on the command line becomes a trainee."""

    name: str
    """Of the catalogue's model that the weights are for."""
    package: str
    """Whose folder ``configs`` holds its courses."""
    course: type[Course]
    default: str
    """The course of a run that names none."""
    trainee: Callable[[Any, Path | None, Path], Trainee]
    """Called with a course of that type, weights to begin with or None, and a folder where it may keep features that do
    not change, with those of other networks; gives a network to train, on the CPU. Raises `MissingWeights` where
    weights that it begins with are not here."""
