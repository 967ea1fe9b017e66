"""What a number means: which way is better, and what stands for an answer that never came."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from imedbench.errors import UnknownName


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of a metric or of a curve over its values, whatever its settings."""

    higher_is_better: bool = True
    best: float = 1.0
    worst: float = 0.0
    """The value of an answer that never came; infinite for distances, where the image's diagonal stands for it."""
    symmetric: bool = True
    """Whether truth and guess may change places."""
    in_mm: bool = False
    takes_tolerance: bool = False


_DISTANCE = Facts(higher_is_better=False, best=0.0, worst=math.inf, in_mm=True)
METRICS = {
    "dice": Facts(),
    "iou": Facts(),
    "boundary-iou": Facts(),
    "nsd": Facts(takes_tolerance=True),
    "hd95": _DISTANCE,
    "assd": _DISTANCE,
    # An answer that never came is an empty one, though a guess can be worse than that.
    "volume-error": Facts(higher_is_better=False, best=0.0, worst=1.0, symmetric=False),
}
"""By name in the catalogue."""


def facts_of(label: str) -> Facts:
    """The facts of the metric behind a label such as ``nsd 2 mm``.

    Raises:
        UnknownName: no metric has this name.
    """
    name = label.split(" ")[0]
    if name not in METRICS:
        kind = "metric"
        raise UnknownName(kind, name, METRICS)
    return METRICS[name]


def worst(label: str, shape: Sequence[int], spacing_mm: Sequence[float]) -> float:
    """The value of an answer that never came: 0 for overlaps, the image's diagonal in mm for distances."""
    return bounded(facts_of(label).worst, shape, spacing_mm)


def bounded(value: float, shape: Sequence[int], spacing_mm: Sequence[float]) -> float:
    """The value, or the image's diagonal in mm where it is infinite."""
    if not math.isinf(value):
        return value
    return math.hypot(*(side * step for side, step in zip(shape, spacing_mm, strict=True)))
