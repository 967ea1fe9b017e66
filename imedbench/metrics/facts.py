"""What a number means: which way is better, and what stands for an answer that never came."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imedbench.errors import UnknownName

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of a metric, whatever its settings."""

    higher_is_better: bool = True
    best: float = 1.0
    worst: float = 0.0
    """What an answer that never came counts; infinite for distances, for which the image's diagonal stands."""
    symmetric: bool = True
    """Whether truth and guess may change places."""
    takes_tolerance: bool = False


_DISTANCE = Facts(higher_is_better=False, best=0.0, worst=math.inf)
METRICS = {
    "dice": Facts(),
    "iou": Facts(),
    "boundary-iou": Facts(),
    "nsd": Facts(takes_tolerance=True),
    "hd95": _DISTANCE,
    "assd": _DISTANCE,
    # No answer is an empty one; a guess that is far too large is worse than that, without bound.
    "volume-error": Facts(higher_is_better=False, best=0.0, worst=1.0, symmetric=False),
}
"""By name in the catalogue."""
CURVES = ("auc", "noc", "gain", "monotonicity")


def split_label(label: str) -> tuple[str, str]:
    """The curve, empty where there is none, and the metric's name: ``noc@90 nsd 2 mm`` is ``("noc", "nsd")``.

    Raises:
        UnknownName: no metric has this name.
    """
    first, *rest = label.split(" ")
    curve = first.partition("@")[0]
    curve = curve if curve in CURVES and rest else ""
    name = rest[0] if curve else first
    if name not in METRICS:
        kind = "metric"
        raise UnknownName(kind, name, METRICS)
    return curve, name


def higher_is_better(label: str) -> bool:
    """Whether more of this metric or curve is better.

    Raises:
        UnknownName: as `split_label`.
    """
    curve, name = split_label(label)
    if curve in {"noc", "monotonicity"}:
        return curve == "monotonicity"
    return METRICS[name].higher_is_better


def worst_of(label: str, diagonal_mm: Reals, turns: NDArray[np.integer]) -> Reals:
    """What sessions that failed count.

    - A metric: 0 for overlaps, the image's diagonal in mm for distances (also for those in voxels), 1 for volume-error.
    - auc: the area under that value in every turn; noc: the number of turns; monotonicity: 0.
    - gain: from the best value to the worst.

    Args:
        label: of a metric or curve.
        diagonal_mm: (n,) of each session's image.
        turns: (n,) that each session had.

    Raises:
        UnknownName: as `split_label`.
    """
    curve, name = split_label(label)
    facts = METRICS[name]
    worst = np.array(diagonal_mm) if math.isinf(facts.worst) else np.full(len(diagonal_mm), facts.worst)
    match curve:
        case "auc":
            return worst * (turns - 1)
        case "noc":
            return turns.astype(np.float64)
        case "gain":
            return worst - facts.best
        case "monotonicity":
            return np.zeros(len(worst))
    return worst
