"""What tests of metrics share."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import ndimage

from imedbench.types import Mask

Shapes = Callable[[int], tuple[Mask, Mask, tuple[float, ...]]]


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """DeepMind's surface-distance package, with the names of older numpy that it asks for where a mask is empty."""
    module = pytest.importorskip("surface_distance")
    monkeypatch.setattr(np, "Inf", np.inf, raising=False)
    return module


@pytest.fixture(scope="session")
def random_shapes() -> Shapes:
    """By number: two masks, of blobs, dust, both or nothing, that touch the sides of the grid, and a spacing."""

    def shapes(number: int) -> tuple[Mask, Mask, tuple[float, ...]]:
        rng = np.random.default_rng(number)
        axes = int(rng.integers(2, 4))
        grid = tuple(int(side) for side in rng.integers(1, 22 if axes == 3 else 60, axes))
        spacing = tuple(float(step) for step in np.round(rng.uniform(0.2, 4, axes), int(rng.integers(4))) + 0.1)

        def blobs() -> Mask:
            noise = ndimage.gaussian_filter(rng.normal(size=grid), rng.uniform(0, 3))
            return noise > np.quantile(noise, rng.choice([0.02, 0.3, 0.5, 0.8, 0.97, 1.0]))

        truth = blobs()
        return truth, blobs() if rng.random() < 0.5 else truth ^ (rng.random(grid) < 0.02), spacing

    return shapes


@pytest.fixture(scope="session")
def scores() -> Callable[..., pa.Table]:
    """Called with rows (case, target, turn, value) and columns, makes a table of scores; a case is ``patient/name``."""

    def table(rows: Sequence[tuple[Any, ...]], **constants: Any) -> pa.Table:
        case, target, turn, value = (list(column) for column in zip(*rows, strict=True))
        every = {
            "dataset": "made",
            "patient": [name.split("/")[0] for name in case],
            "case": case,
            "target": target,
            "instance": 0,
            "prompts": "box",
            "turn": turn,
            "metric": "dice",
            "value": value,
            "failed": False,
            "diagonal_mm": 100.0,
        } | constants
        lists = {name: list(x) if isinstance(x, list) else [x] * len(rows) for name, x in every.items()}
        numbers = {"value": pa.float64(), "turn": pa.int16(), "instance": pa.int32(), "diagonal_mm": pa.float64()}
        return pa.table({name: pa.array(values, numbers.get(name)) for name, values in lists.items()})

    return table
