"""Centre lines: smooth curves through given points, branching trees, packed loops of bowel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

Segments: TypeAlias = NDArray[np.float64]
Knots: TypeAlias = Sequence[Sequence[float]]
"""Points of a centre line: z, y, x and radius, in millimetres."""

BRANCH_TRIES = 4


def curve(knots: Knots, step_mm: float = 4.0) -> Segments:
    """(n, 2, 4): short straight pieces of a smooth curve through (z, y, x, radius) knots."""
    points = np.asarray(knots, float)
    chords = np.sqrt(np.linalg.norm(np.diff(points[:, :3], axis=0), axis=1))
    places = np.concatenate([[0.0], np.cumsum(chords)])
    length = float((chords**2).sum())
    fine = np.linspace(0, places[-1], max(int(length / step_mm), len(points)) + 1)
    spline = make_interp_spline(places, points, k=min(3, len(points) - 1))
    dense = spline(fine)
    dense[:, 3] = np.interp(fine, places, points[:, 3])
    return pieces(dense)


def pieces(points: NDArray[np.float64]) -> Segments:
    """(n - 1, 2, 4) neighbouring pairs of (n, 4) points."""
    return np.stack([points[:-1], points[1:]], axis=1)


def mirrored(knots: Knots, sign: int) -> list[tuple[float, float, float, float]]:
    """The knots, seen in the mirror of the midline where ``sign`` is -1."""
    return [(z, y, sign * x, radius) for z, y, x, radius in knots]


@dataclass(frozen=True, slots=True)
class Growth:
    """How a tree of vessels branches."""

    generations: int
    length_mm: float
    shrink: float = 0.8
    """Length of a branch over that of its parent."""
    thin: float = 0.78
    """Radius of a branch over that of its parent (0.79 would keep the cross-section by Murray's law)."""
    spread_deg: float = 38.0


def grow(
    rng: np.random.Generator,
    root: tuple[Sequence[float], Sequence[float]],
    growth: Growth,
    inside: Callable[[NDArray[np.float64]], bool],
) -> Segments:
    """A random binary tree from ``root`` = (z, y, x, radius) and a direction; no branch ends where ``inside`` is false.

    Returns (n, 2, 4) pieces, n at least 1.
    """
    start = np.asarray(root[0], float)
    heading = np.asarray(root[1], float) / np.linalg.norm(root[1])
    trunk = np.append(start[:3] + heading * growth.length_mm, start[3] * growth.thin)
    grown = [np.stack([start, trunk])]
    growing = [(trunk, heading, growth.length_mm * growth.shrink)] if inside(trunk[:3]) else []
    for _ in range(1, growth.generations):
        tips = []
        for parent in (parent for parent in growing for _ in range(2)):
            tip, side = _branch(rng, parent, growth, inside)
            if tip is not None:
                grown.append(np.stack([parent[0], tip]))
                tips.append((tip, side, parent[2] * growth.shrink))
        growing = tips
    return np.stack(grown)


def _branch(
    rng: np.random.Generator,
    parent: tuple[NDArray[np.float64], NDArray[np.float64], float],
    growth: Growth,
    inside: Callable[[NDArray[np.float64]], bool],
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64]]:
    """The tip and direction of one more branch; no tip where a few tries all leave the organ."""
    base, direction, length = parent
    for attempt in range(BRANCH_TRIES):
        side = _turned(rng, direction, growth.spread_deg * (1 + 0.5 * attempt))
        tip = np.append(base[:3] + side * length * rng.uniform(0.7, 1.3), base[3] * growth.thin)
        if inside(tip[:3]):
            return tip, side
    return None, direction


def _turned(rng: np.random.Generator, direction: NDArray[np.float64], degrees: float) -> NDArray[np.float64]:
    sideways = rng.standard_normal(3)
    sideways -= (sideways @ direction) * direction
    sideways /= np.linalg.norm(sideways)
    angle = np.radians(degrees * rng.uniform(0.5, 1.3))
    turned: NDArray[np.float64] = np.cos(angle) * direction + np.sin(angle) * sideways
    return turned


def packed_loops(
    rng: np.random.Generator, low: Sequence[float], high: Sequence[float], pitch_mm: float
) -> NDArray[np.float64]:
    """(n, 3) knots of one line that winds through a box without touching itself, layer by layer."""
    counts = [max(int((top - bottom) / pitch_mm), 1) for bottom, top in zip(low, high, strict=True)]
    knots = []
    for layer in range(counts[0]):
        rows = range(counts[1]) if layer % 2 == 0 else range(counts[1] - 1, -1, -1)
        for number, row in enumerate(rows):
            forward = (layer * counts[1] + number) % 2 == 0
            knots += [(layer, row, place) for place in (range(counts[2]) if forward else range(counts[2] - 1, -1, -1))]
    jitter = rng.uniform(-0.3, 0.3, (len(knots), 3))
    line: NDArray[np.float64] = (np.array(knots, float) + 0.5 + jitter) * pitch_mm + np.asarray(low, float)
    return line
