"""Who is better than whom, and how sure that is: from the same bootstrap samples of the patients for all models."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

CONFIDENCE = 0.95
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
    held = _defined(draws)
    if held is None:
        return {}
    names = sorted(held, key=lambda name: -better * float(held[name].mean()))
    values = np.stack([better * held[name] for name in names])
    places = rankdata(-values, method="min", axis=0)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(places, [tail, 1 - tail], axis=1, method="nearest").astype(int)
    enough = (1 - tail) * values.shape[1]
    found = {}
    for number, name in enumerate(names):
        # Nobody whose mean is lower is better beyond chance.
        ahead = np.count_nonzero(values[:number] > values[number], axis=1)
        place = 1 + int(np.count_nonzero(ahead >= enough))
        found[name] = Rank(place, int(low[number]), int(high[number]))
    return found


def _defined(draws: Mapping[str, Draws]) -> dict[str, Draws] | None:
    """Those samples in which every model has a mean: of few patients a sample may hold none of a modality."""
    if not draws:
        return None
    defined = np.logical_and.reduce([np.isfinite(each) for each in draws.values()])
    return {name: each[defined] for name, each in draws.items()} if defined.any() else None


def difference(first: Draws, second: Draws) -> tuple[float, float]:
    """The ends of the 95 % interval of how much more the first has than the second; NaN where nothing is defined."""
    apart = first.astype(np.float64) - second
    apart = apart[np.isfinite(apart)]
    if not len(apart):
        return np.nan, np.nan
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(apart, [tail, 1 - tail])
    return float(low), float(high)
