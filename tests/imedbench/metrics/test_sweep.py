import numpy as np
import pytest
from scipy.spatial.distance import cdist

from imedbench.metrics.sweep import plan_for, steps_away, windows_away

SPACINGS = [(1.0, 1.0), (2.0, 0.5), (1.0, 1.0, 1.0), (3.0, 0.7, 0.7), (0.7, 3.0, 0.5)]


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("density", [0.002, 0.02, 0.3])
def test_those_that_are_done_are_exact_and_the_others_are_far(spacing: tuple[float, ...], density: float) -> None:
    rng = np.random.default_rng(3)
    sides = (60, 90) if len(spacing) == 2 else (30, 40, 30)
    targets = np.argwhere(rng.random(sides) < density).T.astype(np.int32)
    points = np.argwhere(rng.random(sides) < 0.1).T.astype(np.int32)
    exact = cdist(points.T * spacing, targets.T * spacing).min(axis=1)
    plan = plan_for(spacing)
    ways, left = steps_away(points, targets, plan)
    done = np.delete(np.arange(len(ways)), left)
    np.testing.assert_allclose(np.sqrt(ways[done]), exact[done], rtol=1e-12)
    assert (ways >= exact**2 * (1 - 1e-12)).all()
    assert (exact[left] > min(spacing[1:])).all()
    if len(left):
        near = ways[left]
        still = windows_away(points[:, left], targets, plan, near)
        done = np.delete(np.arange(len(near)), still)
        np.testing.assert_allclose(np.sqrt(near[done]), exact[left][done], rtol=1e-12)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_steps_come_in_order_and_what_comes_later_is_longer(spacing: tuple[float, ...]) -> None:
    plan = plan_for(spacing)
    lengths = ((plan.steps * spacing[1:]) ** 2).sum(axis=1)
    assert not plan.steps[0].any()
    assert (np.diff(lengths) >= 0).all()
    assert (plan.after[:-1] == lengths[1:]).all()
    assert plan.after[-1] >= lengths[-1]
    assert (np.diff(plan.gaps) >= 0).all()
    assert len(plan.steps) - 1 in plan.checks


def test_a_target_outside_the_cells_counts_along_its_column() -> None:
    points = np.array([[50, 51], [5, 5], [5, 5]], np.int32)
    below, above = np.array([[20], [5], [5]], np.int32), np.array([[350], [5], [5]], np.int32)
    ways, left = steps_away(points, below, plan_for((1.0, 1.0, 1.0)))
    assert ways.tolist() == [900, 961]
    ways, left = steps_away(points, above, plan_for((1.0, 1.0, 1.0)))
    assert left.tolist() == [0, 1]
