"""Shapes for simulated users: ellipsoids, random masks, and pairs of truth and guess for hypothesis."""

from typing import Any

import numpy as np
from hypothesis import strategies as st


def ellipse(shape: tuple[int, ...], centre: tuple[float, ...], radii: tuple[float, ...]) -> Any:
    """A bool array that is true inside an ellipse or an ellipsoid."""
    total = np.zeros(shape)
    for places, middle, radius in zip(np.indices(shape), centre, radii, strict=True):
        total += ((places - middle) / radius) ** 2
    return total < 1


def speckle(seed: int, shape: tuple[int, ...], share: float) -> Any:
    """A random mask with at least one voxel."""
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < share
    mask.ravel()[int(rng.integers(mask.size))] = True
    return mask


SHARES = st.sampled_from([0.02, 0.3, 0.9, 1.0])
PAIRS = st.builds(
    lambda shape, seed, share, other: (speckle(seed, shape, share), speckle(seed + 1, shape, other)),
    st.one_of(
        st.tuples(st.integers(1, 12), st.integers(1, 12)),
        st.tuples(st.integers(1, 6), st.integers(1, 8), st.integers(1, 8)),
    ),
    st.integers(0, 10_000),
    SHARES,
    SHARES,
)
"""(truth, guess) of one shape, in two or three dimensions; often one voxel, sometimes everything."""
