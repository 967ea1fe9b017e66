import numpy as np
import pytest
from scipy.spatial.distance import cdist

from imedbench.metrics.nearest import Targets


def by_definition(points: np.ndarray, targets: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    return cdist(points.T * spacing, targets.T * spacing).min(axis=1)


def some(rng: np.random.Generator, count: int, sides: tuple[int, ...]) -> np.ndarray:
    return np.stack([rng.integers(side, size=count) for side in sides]).astype(np.int32)


@pytest.mark.parametrize("sides", [(20, 30), (400, 500), (10, 12, 14), (60, 60, 60), (300, 5, 5), (5, 5, 300)])
@pytest.mark.parametrize("counts", [(400, 1), (1, 400), (5000, 3), (400, 400)])
@pytest.mark.parametrize("shift", [0, 40, 400])
def test_equals_the_definition(sides: tuple[int, ...], counts: tuple[int, int], shift: int) -> None:
    rng = np.random.default_rng(sum(sides) + shift)
    spacing = tuple(rng.uniform(0.3, 3, len(sides)).tolist())
    points = some(rng, counts[0], sides)
    targets = some(rng, counts[1], sides) + np.int32(shift)
    found = Targets(targets, spacing).distances_from(points)
    np.testing.assert_allclose(found, by_definition(points, targets, spacing), rtol=1e-12)


def test_nobody_and_nothing() -> None:
    nothing = np.zeros((3, 0), np.int32)
    points = np.zeros((3, 2), np.int32)
    assert Targets(nothing, (1.0, 1.0, 1.0)).distances_from(points).tolist() == [np.inf, np.inf]
    assert Targets(points, (1.0, 1.0, 1.0)).distances_from(nothing).shape == (0,)


@pytest.mark.parametrize("step", [0.1, 0.3, 0.7, 1.1])
def test_a_distance_along_an_axis_is_steps_times_spacing(step: float) -> None:
    """So that three steps of 0.7 are within a tolerance written as ``3 * 0.7``, wherever they are."""
    for axis in range(3):
        targets = np.array([[1001], [1002], [1003]], np.int32)
        points = targets.copy()
        points[axis] += 3
        assert Targets(targets, (step,) * 3).distances_from(points)[0] == 3 * step
