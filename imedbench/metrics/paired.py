"""Whether one run is better than another, on the sessions that both have."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from imedbench.metrics.bootstrap import Bootstrap
from imedbench.metrics.columns import codes_of, entries_at, joint_codes
from imedbench.metrics.sessions import PATIENT, SESSION, TURN, count_sessions

if TYPE_CHECKING:
    import pyarrow as pa

Reals = NDArray[np.float64]
_THOUSAND = Bootstrap()
_PAIR = (*SESSION, "metric")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One run against another in one group of sessions; differences are ``one`` less ``other``."""

    key: tuple[Any, ...]
    """The entries of the columns that were asked for, in their order."""
    one: str
    other: str
    pairs: int
    """Sessions (or patients) that were compared."""
    left_out: int
    """Sessions that only one of the runs has, or whose metric is not defined in one of them."""
    difference: float
    """The mean over the pairs; NaN where there are none."""
    low: float
    """Of its 95 % interval, patients drawn with replacement; NaN where there are fewer than two."""
    high: float
    effect: float
    """Matched-pairs rank-biserial correlation: the ranks for ``one`` less those for ``other``, over all, -1 to 1; 0
    where nothing differs."""
    p: float
    """Of the two-sided Wilcoxon signed-rank test, without the pairs that do not differ; 1 where none does."""
    p_holm: float
    """The same, for all comparisons of the call together."""


def compare(
    runs: Mapping[str, "pa.Table"],
    by: Sequence[str] = ("prompts", "metric"),
    *,
    level: Literal["target", "patient"] = "patient",
    bootstrap: Bootstrap = _THOUSAND,
) -> list[Comparison]:
    """Every run with every later one, in each group of sessions.

    What counts is what `summarise` counts: failed sessions at their worst, sessions that ended with their last value.

    Args:
        runs: scores by name of the run.
        by: columns whose equal entries make a group, as in `summarise`.
        level: what is a pair: the mean of a patient's sessions, or a session. Sessions of one patient are not
            independent, and the test takes them to be: at level ``target`` p is too small where patients have several.
        bootstrap: how intervals are found.
    """
    found = list(_compared(runs, by, level, bootstrap))
    corrected = holm([each.p for each in found])
    return [replace(each, p_holm=p) for each, p in zip(found, corrected, strict=True)]


def holm(p_values: Sequence[float]) -> list[float]:
    """Each p-value as Holm's step-down method corrects it for all of them; NaN stays and is not one of them."""
    known = [place for place, p in enumerate(p_values) if not np.isnan(p)]
    corrected, highest = list(p_values), 0.0
    for done, place in enumerate(sorted(known, key=lambda place: p_values[place])):
        highest = max(highest, min(1.0, (len(known) - done) * p_values[place]))
        corrected[place] = highest
    return corrected


def _compared(
    runs: Mapping[str, "pa.Table"], by: Sequence[str], level: str, bootstrap: Bootstrap
) -> Iterator[Comparison]:
    import pyarrow as pa

    names = list(runs)
    pair = (*_PAIR, TURN) if TURN in by else _PAIR
    columns = list(dict.fromkeys((*pair, *by, *PATIENT)))
    turns = _longest(runs.values()) if TURN in by else None
    parts, values = [], []
    for name in names:
        kept = count_sessions(runs[name], by, turns)
        part = runs[name].select(columns).take(kept.rows)
        if TURN in by:
            part = part.set_column(columns.index(TURN), TURN, pa.array(kept.turns))
        parts.append(part)
        values.append(kept.values)
    table = pa.concat_tables(parts, promote_options="permissive")
    session, first = joint_codes(table, pair)
    held = np.full((len(first), len(names)), np.nan)
    run = np.repeat(np.arange(len(names)), [len(each) for each in values])
    held[session, run] = np.concatenate(values)
    present = np.zeros(held.shape, np.bool_)
    present[session, run] = True
    sessions = table.take(first)
    group, groups = joint_codes(sessions, by)
    patient, _ = joint_codes(sessions, PATIENT)
    for number, key in enumerate(entries_at(sessions, by, groups)):
        mine = group == number
        for one, other in combinations(range(len(names)), 2):
            either = mine & (present[:, one] | present[:, other])
            difference = held[either, one] - held[either, other]
            known = ~np.isnan(difference)
            facts = _tested(difference[known], patient[either][known], level, bootstrap)
            yield Comparison(key, names[one], names[other], facts[0], int((~known).sum()), *facts[1:], np.nan)


def _longest(runs: Iterable["pa.Table"]) -> dict[str, int]:
    """The turns of each arm's longest session in any run: sessions of all are filled up to it."""
    most: dict[str, int] = {}
    for scores in runs:
        arm, names = codes_of(scores, "prompts")
        turn = np.zeros(len(names), np.int64)
        np.maximum.at(turn, arm, np.asarray(scores[TURN]).astype(np.int64))
        most |= {name: max(most.get(name, 0), longest) for name, longest in zip(names, turn.tolist(), strict=True)}
    return most


def _tested(
    difference: Reals, patient: NDArray[np.int64], level: str, bootstrap: Bootstrap
) -> tuple[int, float, float, float, float, float]:
    """Pairs, mean difference, its interval, effect and p."""
    if not len(difference):
        return 0, np.nan, np.nan, np.nan, np.nan, np.nan
    cluster = np.unique(patient, return_inverse=True)[1]
    sums, counts = np.zeros((2, cluster.max() + 1))
    np.add.at(sums, cluster, difference)
    np.add.at(counts, cluster, 1.0)
    if level == "patient":
        difference = sums / counts
        sums, counts = difference, np.ones(len(difference))
    interval = bootstrap.mean(sums[:, None], counts[:, None])
    return len(difference), *interval, *_signed_ranks(difference)


def _signed_ranks(difference: Reals) -> tuple[float, float]:
    """The rank-biserial correlation and the p-value."""
    from scipy.stats import rankdata, wilcoxon

    differing = difference[difference != 0]
    if not len(differing):
        return 0.0, 1.0
    ranks = rankdata(np.abs(differing))
    effect = float((np.sign(differing) * ranks).sum() / ranks.sum())
    return effect, float(wilcoxon(differing).pvalue)
