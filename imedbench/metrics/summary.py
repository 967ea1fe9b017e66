"""The only averaging anywhere: from the scores of a run to means with intervals.

- What is averaged are sessions: each target of each case under each arm counts once, however large it is and however
  many targets its case has (level ``target``). At level ``case`` the sessions of a case are averaged first, then the
  cases; at level ``macro`` the means of the targets' names are averaged, so that a rare target weighs as much as a
  common one.
- Intervals are 95 % percentile intervals over samples of patients, drawn with replacement with all that is theirs.
- A session that ended before the last turn keeps its last value in the turns after it.
- A session that failed is never dropped: it counts what `facts.worst_of` says, from the turn it failed in and in every
  curve.
- An infinite distance (one mask empty) counts the image's diagonal.
- A value that is not defined (NaN: both masks empty, say) does not count; how many there are is told.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imedbench.metrics.bootstrap import Bootstrap
from imedbench.metrics.columns import codes_of, joined, joint_codes
from imedbench.metrics.sessions import PATIENT, count_sessions, counted

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Bootstrap", "Level", "Summary", "counted", "summarise"]

Reals = NDArray[np.float64]
Integers = NDArray[np.int64]
Level: TypeAlias = Literal["target", "case", "macro"]
_THOUSAND = Bootstrap()


@dataclass(frozen=True, slots=True)
class Summary:
    """A mean, and what it is made of."""

    key: tuple[Any, ...]
    """The entries of the columns that were asked for, in their order."""
    mean: float
    """NaN where no value is defined."""
    low: float
    """Of the 95 % interval; NaN where the values are of one patient only."""
    high: float
    sessions: int
    """All of them: those whose value counts, the failed among them, and those where it is not defined."""
    failed: int
    """Count with the worst value."""
    undefined: int
    """Do not count."""
    patients: int
    """Whose sessions count."""


def summarise(
    scores: "pa.Table",
    by: Sequence[str] = ("prompts", "metric"),
    *,
    level: Level = "target",
    turns: Mapping[str, int] | None = None,
    bootstrap: Bootstrap = _THOUSAND,
) -> list[Summary]:
    """The mean of each group of sessions, groups in order of appearance, turns in their own.

    Args:
        scores: rows of ``scores`` (`imedbench.evaluate.tables`), further columns to group by among them.
        by: columns whose equal entries make a group. With ``turn`` among them there is a mean for every turn, sessions
            that ended early included; without, the last turn of each session counts. Curves have their one value.
        level: what counts once.
        turns: of each arm; else those of its longest session.
        bootstrap: how intervals are found.

    Raises:
        ValueError: a group would hold values of several metrics or arms.
    """
    found = count_sessions(scores, by, turns)
    defined = ~np.isnan(found.values)
    every, failed, counting = (
        np.bincount(found.group[kept], minlength=len(found.keys)).tolist()
        for kept in (np.ones(len(defined), np.bool_), found.failed, defined)
    )
    rows, group, values = found.rows[defined], found.group[defined], found.values[defined]
    patient = joint_codes(scores, PATIENT)[0][rows]
    stratum = codes_of(scores, "target")[0][rows] if level == "macro" else np.zeros(len(rows), np.int64)
    if level == "case":
        group, patient, values = _by_case(codes_of(scores, "case")[0][rows], group, patient, values)
        stratum = np.zeros(len(group), np.int64)
    means: dict[int, tuple[float, float, float, int]] = {}
    for number, members in _members(group):
        sums, counts = _clustered(values[members], patient[members], stratum[members])
        means[number] = (*bootstrap.mean(sums, counts), len(sums))
    nothing = (np.nan, np.nan, np.nan, 0)
    return [
        Summary(key, *means.get(number, nothing)[:3], every[number], failed[number], every[number] - counting[number],
                means.get(number, nothing)[3])
        for number, key in enumerate(found.keys)
    ]  # fmt: skip


def _by_case(case: Integers, group: Integers, patient: Integers, values: Reals) -> tuple[Integers, Integers, Reals]:
    """Groups, patients and mean values of the cases in each group."""
    both, _ = joined((group, case), (int(group.max(initial=0)) + 1, int(case.max(initial=0)) + 1), len(group))
    _, first, unit = np.unique(both, return_index=True, return_inverse=True)
    means = np.bincount(unit, values) / np.bincount(unit)
    return group[first], patient[first], means


def _members(group: Integers) -> Iterator[tuple[int, Integers]]:
    """The rows of each group that has any."""
    order = np.argsort(group, kind="stable")
    found, first = np.unique(group[order], return_index=True)
    yield from zip(found.tolist(), np.split(order, first[1:]), strict=False)


def _clustered(values: Reals, patient: Integers, stratum: Integers) -> tuple[Reals, Reals]:
    """(patients, strata): sum and number of the values."""
    patients, row = np.unique(patient, return_inverse=True)
    strata, column = np.unique(stratum, return_inverse=True)
    shape = (len(patients), len(strata))
    sums, counts = np.zeros(shape), np.zeros(shape)
    np.add.at(sums, (row, column), values)
    np.add.at(counts, (row, column), 1.0)
    return sums, counts
