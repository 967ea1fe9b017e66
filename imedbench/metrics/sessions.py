"""Which rows of a run's scores count, and with which value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imedbench.metrics.columns import codes_of, entries_at, joint_codes
from imedbench.metrics.facts import split_label, worst_of

if TYPE_CHECKING:
    import pyarrow as pa

Reals = NDArray[np.float64]
Integers = NDArray[np.int64]
SESSION = ("case", "target", "instance", "prompts")
"""The columns that tell a session of a run."""
PATIENT = ("dataset", "patient")
"""The columns that tell a patient: other data sets may call others the same."""
TURN = "turn"


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """The values that count, one a session and metric (and turn, where turns are told apart)."""

    rows: Integers
    """(n,): the row of the scores that each value comes from; the last one of a session again for later turns."""
    turns: Integers
    """(n,): the turn that each value stands for."""
    group: Integers
    """(n,): the place in ``keys``."""
    keys: list[tuple[Any, ...]]
    """The entries of the columns that were asked for."""
    values: Reals
    """(n,): NaN where the metric is not defined."""
    failed: NDArray[np.bool_]
    """(n,): the value is the worst, as no answer came."""


def count_sessions(scores: "pa.Table", by: Sequence[str], turns: Mapping[str, int] | None = None) -> Counted:
    """The values that count, in groups of equal entries in the columns ``by``.

    Args:
        scores: rows of ``scores`` (`imedbench.evaluate.tables`).
        by: columns. With ``turn`` among them each turn of a session counts, and its last value again in the turns that
            others had after it ended; without, its last turn. Curves have one value.
        turns: of each arm; else those of its longest session.

    Raises:
        ValueError: a group would hold values of several metrics or arms.
    """
    for name in ("metric", "prompts"):
        if name not in by and len(set(scores[name].unique().to_pylist())) > 1:
            message = f"these scores are of more than one of {name!r}: group by it, or keep the rows of one"
            raise ValueError(message)
    turn = np.asarray(scores[TURN]).astype(np.int64)
    last = _last_rows(scores, turn)
    rows, turn = _filled(scores, turn, last, turns) if TURN in by else (last, turn[last])
    group, keys = _grouped(scores, by, rows, turn)
    return Counted(rows, turn, group, keys, counted(scores)[rows], np.asarray(scores["failed"])[rows])


def counted(scores: "pa.Table") -> Reals:
    """The value of every row as it counts in a mean.

    A failed session's is `worst_of` its metric or curve; an infinite distance is the image's diagonal; what is not
    defined stays NaN.
    """
    values = np.array(scores["value"].to_numpy(), np.float64)
    failed = np.asarray(scores["failed"])
    if not (failed.any() or np.isinf(values).any()):
        return values
    code, labels = codes_of(scores, "metric")
    diagonal = np.asarray(scores["diagonal_mm"])
    owed = _turns_of_session(scores)
    for number, label in enumerate(labels):
        mine = code == number
        none = np.flatnonzero(mine & failed)
        values[none] = worst_of(label, diagonal[none], owed[none])
        far = np.flatnonzero(mine & np.isposinf(values))
        if len(far) and not split_label(label)[0]:
            values[far] = np.minimum(values[far], worst_of(label, diagonal[far], owed[far]))
    return values


def _turns_of_session(scores: "pa.Table") -> Integers:
    """The last turn of each row's session, in any metric."""
    session, first = joint_codes(scores, SESSION)
    most = np.zeros(len(first), np.int64)
    np.maximum.at(most, session, np.asarray(scores[TURN]).astype(np.int64))
    return most[session]


def _last_rows(scores: "pa.Table", turn: Integers) -> Integers:
    """The row of the last turn of each session in each metric, in the order of the table."""
    series, first = joint_codes(scores, (*SESSION, "metric"))
    most = np.full(len(first), -1, np.int64)
    np.maximum.at(most, series, turn)
    return np.flatnonzero(turn == most[series])


def _filled(
    scores: "pa.Table", turn: Integers, last: Integers, turns: Mapping[str, int] | None
) -> tuple[Integers, Integers]:
    """Rows and their turns, each session's last row repeated until its arm's last turn."""
    arm, names = codes_of(scores, "prompts")
    most = np.zeros(len(names), np.int64)
    np.maximum.at(most, arm, turn)
    known = turns or {}
    most = np.array([known.get(name, int(longest)) for name, longest in zip(names, most, strict=True)], np.int64)
    missing = np.where(turn[last] > 0, np.maximum(most[arm[last]] - turn[last], 0), 0)
    again = np.repeat(last, missing)
    # The n-th repetition of a row stands for the n-th turn after it.
    nth = np.arange(len(again)) - np.repeat(np.cumsum(missing) - missing, missing) + 1
    return np.concatenate([np.arange(len(turn)), again]), np.concatenate([turn, turn[again] + nth])


def _grouped(
    scores: "pa.Table", by: Sequence[str], rows: Integers, turn: Integers
) -> tuple[Integers, list[tuple[Any, ...]]]:
    """Group of each row, in order of appearance, and what the groups are called."""
    named = [name for name in by if name != TURN]
    code, first = joint_codes(scores, named)
    keys = entries_at(scores, named, first)
    if TURN not in by:
        used, group = np.unique(code[rows], return_inverse=True)
        return group.astype(np.int64), [keys[number] for number in used.tolist()]
    width = int(turn.max(initial=0)) + 1
    found, group = np.unique(code[rows] * width + turn, return_inverse=True)
    place = list(by).index(TURN)
    names = [(keys[number // width], number % width) for number in found.tolist()]
    return group.astype(np.int64), [(*key[:place], moment, *key[place:]) for key, moment in names]
