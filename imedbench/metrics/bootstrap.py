"""Intervals of means whose values come in clusters: patients are drawn, and bring all that is theirs."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
CONFIDENCE = 0.95
_AT_ONCE = 1 << 22


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How intervals are found: the percentile method over samples of whole clusters, with replacement."""

    samples: int = 1000
    seed: int = 2026

    def mean(self, sums: Reals, counts: Reals) -> tuple[float, float, float]:
        """A mean with the ends of its 95 % interval.

        Args:
            sums: (clusters, strata): of the values of each cluster in each stratum.
            counts: (clusters, strata): how many values they are.

        Returns:
            The mean over all values of a stratum, averaged over the strata that have any; NaN where none has. The ends
            are NaN where there is one cluster only: nothing is known of how clusters differ.
        """
        strata = sums.shape[1]
        both = np.concatenate([sums, counts], axis=1)
        total = both.sum(axis=0)
        mean = float(_mean_of_strata(total[:strata], total[strata:]))
        if len(both) < 2:
            return mean, np.nan, np.nan
        drawn = self.drawn(sums, counts)
        tail = (1 - CONFIDENCE) / 2
        low, high = np.nanquantile(drawn, [tail, 1 - tail])
        return mean, float(low), float(high)

    def drawn(self, sums: Reals, counts: Reals) -> Reals:
        """(samples,): the mean in each sample; those of another model on the same clusters come from the same samples.

        Args:
            sums: (clusters, strata), as of `mean`.
            counts: (clusters, strata); a cluster without values is drawn all the same.
        """
        strata = sums.shape[1]
        both = np.concatenate([sums, counts], axis=1)
        return np.concatenate([_mean_of_strata(part[:, :strata], part[:, strata:]) for part in self._totals(both)])

    def _totals(self, columns: Reals) -> Iterator[Reals]:
        """The sum of each column over each sample's clusters, some samples at a time."""
        clusters = len(columns)
        rows = max(_AT_ONCE // clusters, 1)
        for first in range(0, self.samples, rows):
            yield _weights(self.seed, clusters, first, min(rows, self.samples - first)) @ columns


@lru_cache(maxsize=4)
def _weights(seed: int, clusters: int, first: int, rows: int) -> Reals:
    """(rows, clusters): how often each cluster is drawn in samples ``first`` and on.

    Groups with the same number of clusters share them: their intervals differ by their values alone.
    """
    rng = np.random.default_rng([seed, clusters, first])
    chosen = rng.integers(clusters, size=(rows, clusters)) + clusters * np.arange(rows)[:, None]
    return np.bincount(chosen.reshape(-1), minlength=rows * clusters).reshape(rows, clusters).astype(np.float64)


def _mean_of_strata(sums: Reals, counts: Reals) -> Reals:
    """Of (..., strata): the average over those that hold values, NaN where none does."""
    held = counts > 0
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=held)
    strata = held.sum(axis=-1)
    total = np.asarray(means.sum(axis=-1))
    averages: Reals = np.divide(total, strata, out=np.full(total.shape, np.nan), where=np.asarray(strata > 0))
    return averages
