"""Numbers of a whole session, made of one metric's values after each of its turns.

All take the values in the order of the turns. A session that ended early keeps its last answer: its values are filled
up first, with `filled`. A value that is not defined makes a number that is not defined.
"""

import math
from collections.abc import Sequence

import numpy as np

Values = Sequence[float]


def filled(values: Values, turns: int) -> list[float]:
    """The values of all turns of a session that may have ended before the last: the last one is repeated.

    Raises:
        ValueError: there is no value, or there are more than turns.
    """
    if not 0 < len(values) <= turns:
        message = f"{len(values)} values cannot be filled up to {turns} turns"
        raise ValueError(message)
    return [*values, *[values[-1]] * (turns - len(values))]


def auc(values: Values) -> float:
    """Area under the values over the turns by trapezoids one wide, not normalised: 0 to n - 1 for values from 0 to 1.

    The convention of the CVPR 2025 challenge, where five click steps give 0 to 4, and of autoPET IV, where eleven give
    0 to 10. NaN for fewer than two values.
    """
    return float(np.trapezoid(np.asarray(values, np.float64))) if len(values) > 1 else math.nan


def normalised_auc(values: Values) -> float:
    """`auc` over the largest that it can be: 0 to 1 for values from 0 to 1, whatever the number of turns (nAUC)."""
    return auc(values) / (len(values) - 1) if len(values) > 1 else math.nan


def noc(values: Values, threshold: float) -> int:
    """Number of clicks: the first turn, from 1, whose value is at least the threshold; the number of turns if none is.

    0.9 is the threshold of NoC@90 (RITM, with the IoU after each click). `reached` tells those apart that never got
    there from those that got there with the last click.
    """
    return next((turn for turn, value in enumerate(values, 1) if value >= threshold), len(values))


def reached(values: Values, threshold: float, *, last_counts: bool = True) -> bool:
    """Whether any value is at least the threshold.

    Args:
        values: one a turn.
        threshold: 0.9 for the sessions behind NoC@90.
        last_counts: whether a success in the very last turn is one. RITM and those that use its program count sessions
            whose NoC is the allowed number ("≥20@90"), and so take it for a failure.
    """
    tried = values if last_counts else values[:-1]
    return any(value >= threshold for value in tried)


def gain(values: Values) -> float:
    """The last value less the first."""
    return float(values[-1] - values[0]) if len(values) else math.nan


def monotonicity(values: Values) -> float:
    """The share of turns after the first whose value is not below that of the turn before; NaN if there are none."""
    steps = np.diff(np.asarray(values, np.float64))
    if not len(steps) or np.isnan(steps).any():
        return math.nan
    return float((steps >= 0).mean())
