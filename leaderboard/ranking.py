"""Who is better than whom, and how sure that is: from the same bootstrap samples of the patients for all models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
_AT_ONCE = 64
"""Models that are compared with all others at a time."""
Draws = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Rank:
    """The place of a model among others."""

    place: int
    """1 more than there are models that are better beyond chance: models that cannot be told apart share it."""
    first: int
    """Of its places in the bootstrap samples, the ends of the 95 % interval."""
    last: int


def rank(draws: Mapping[str, Draws], better: int) -> dict[str, Rank]:
    """The places of models.

    A model is better beyond chance where it is in 97.5 % of the samples, those with the same value not counted for it:
    the two-sided 95 % interval of the paired difference then lies on one side of 0.

    Args:
        draws: of each model, its mean in each sample: (samples,), from the same samples for all.
        better: 1 where more is better, -1 where less is.
    """
    names = list(draws)
    if not names:
        return {}
    values = better * np.stack([draws[name] for name in names])
    ahead = np.zeros((len(names), len(names)))
    places = np.empty(values.shape, np.int32)
    for first in range(0, len(names), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        # (part, others, samples): whether the other one is ahead.
        behind = values[None, :, :] > values[part, None, :]
        ahead[part] = behind.mean(2)
        places[part] = 1 + behind.sum(1)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(places, [tail, 1 - tail], axis=1, method="nearest").astype(int)
    beaten = (ahead >= 1 - tail).sum(1)
    return {name: Rank(1 + int(beaten[i]), int(low[i]), int(high[i])) for i, name in enumerate(names)}


def difference(first: Draws, second: Draws) -> tuple[float, float]:
    """The ends of the 95 % interval of how much more the first has than the second."""
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(first.astype(np.float64) - second, [tail, 1 - tail])
    return float(low), float(high)


def tied(ranks: Sequence[Rank]) -> set[int]:
    """Places that more than one model has."""
    places = [each.place for each in ranks]
    return {place for place in places if places.count(place) > 1}
