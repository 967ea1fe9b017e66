"""Axes of plots: where numbers fall, and round numbers to mark them with."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
TICKS = 5
"""About as many as a phone has room for."""
EMPTY = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of numbers, told in words and marked in places."""

    title: str
    """What is measured, with its unit."""
    low: float
    high: float
    ticks: tuple[float, ...]
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Where a value falls, in percent from ``low``; values outside fall on the nearer end."""
        low, high, value = self.low, self.high, min(max(value, self.low), self.high)
        if self.logarithmic:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        return round(100 * (value - low) / (high - low), 2)


def linear_axis(title: str, values: Iterable[float], within: tuple[float, float] | None = None) -> Axis:
    """An axis from a round number below the finite values to one above them; ``within`` bounds it."""
    least, most = within or (-math.inf, math.inf)
    finite = [min(max(value, least), most) for value in values if math.isfinite(value)] or list(within or EMPTY)
    low, high = min(finite), max(finite)
    if high - low < 1e-9:
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    step = _step(high - low)
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    low, high = max(low, least), min(high, most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return Axis(title, low, high, tuple(round(place * step, 10) for place in range(first, last + 1)))


def log_axis(title: str, values: Iterable[float]) -> Axis:
    """An axis from one power of ten to another; only positive finite values count."""
    finite = [value for value in values if math.isfinite(value) and value > 0] or [1.0]
    low = math.floor(math.log10(min(finite)) + 1e-9)
    high = max(math.ceil(math.log10(max(finite)) - 1e-9), low + 1)
    return Axis(title, 10.0**low, 10.0**high, tuple(10.0**power for power in range(low, high + 1)), logarithmic=True)


def whole_axis(title: str, values: Iterable[int]) -> Axis:
    """An axis of counts, with half a unit of room on both sides and marks on whole numbers only."""
    found = sorted(set(values)) or [1]
    low, high = found[0], found[-1]
    step = max(1, math.ceil((high - low) / (2 * TICKS)))
    return Axis(title, low - 0.25, high + 0.25, tuple(range(low, high + 1, step)))


def marked(value: float) -> str:
    """A mark's number: 0.25, 40, 10k, 10M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):g}{letter}"
    return f"{value:g}"


def _step(span: float) -> float:
    """The smallest round step that needs no more than about `TICKS` marks."""
    raw = span / TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    return next(step * power for step in STEPS if step * power >= raw - 1e-12)
