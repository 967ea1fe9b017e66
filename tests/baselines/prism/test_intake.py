import numpy as np
import pytest

from baselines.prism.intake import PUBLISHED, Intake, Scaling, measure, of_each
from imedbench.types import Image


def image(grid: tuple[int, int, int], spacing: tuple[float, float, float]) -> Image:
    return Image(np.zeros(grid, np.float32), spacing, np.eye(4), "ct")


def test_published_intensities() -> None:
    """Colon, as the published code: cut, then less the mean, over the deviation."""
    found, beyond = PUBLISHED["colon"].normalise(np.array([-1000.0, 0.0, 65.175035, 3000.0]))
    expected = [(-57 - 65.175035) / 32.651197, (0 - 65.175035) / 32.651197, 0, (175 - 65.175035) / 32.651197]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert beyond == pytest.approx(expected[1])
    assert set(PUBLISHED) == {"colon", "pancreas", "lits", "kits"}


def test_each_volume_by_its_own() -> None:
    voxels = np.arange(2001, dtype=np.float32)
    found, beyond = of_each().normalise(voxels)
    other, _ = of_each().normalise(7 * voxels - 300)
    np.testing.assert_allclose(found, other, atol=1e-4)
    assert (found.mean(), found.std()) == pytest.approx((0, 1), abs=1e-4)
    assert beyond == pytest.approx(found.min(), abs=1e-5)
    flat, _ = of_each().normalise(np.full(10, 3.0))
    assert not flat.any()


def test_measured_inside_targets() -> None:
    rng = np.random.default_rng(0)
    inside = [rng.normal(100, 20, 50_000), np.array([90.0, 110.0, 5000.0])]
    intake = measure(inside, 1.5)
    assert (intake.low, intake.high) == pytest.approx((100 - 2.576 * 20, 100 + 2.576 * 20), abs=1.5)
    assert (intake.mean, intake.std) == pytest.approx((100, 19.7), abs=0.5)
    assert intake.spacing_mm == 1.5
    assert measure([np.full(9, 7.0)]).low < 7 < measure([np.full(9, 7.0)]).high


def test_it_must_make_sense() -> None:
    with pytest.raises(ValueError, match="low is 3 and high 2"):
        Intake(3, 2)
    with pytest.raises(ValueError, match="greater than 0"):
        Intake(0, 1, 0, 0)


def test_to_another_spacing() -> None:
    """A smooth field survives; the first voxels' centres stay where they are."""
    scaling = Scaling.to_spacing(image((20, 30, 40), (3.0, 0.8, 1.0)), 1.0)
    assert scaling.scaled == (60, 24, 40)
    z, y, x = np.indices((20, 30, 40), np.float32)
    field = 3 * z + 0.8 * y + x
    fine = scaling.down(field)
    assert fine.shape == scaling.scaled
    assert fine[3 * 4, 8, 7] == pytest.approx(field[4, 10, 7], abs=1e-3)
    assert fine[0, 0, 0] == 0
    assert not Scaling.to_spacing(image((4, 4, 4), (1.0, 2.0, 1.0)), 1.0).is_same
    same = Scaling.to_spacing(image((20, 30, 40), (1.0, 1.0, 1.0)), 1.0)
    assert same.is_same
    assert np.shares_memory(same.down(field), field)


def test_masks_do_not_vanish() -> None:
    scaling = Scaling.to_spacing(image((20, 20, 20), (1.0, 1.0, 1.0)), 4.0)
    mask = np.zeros((20, 20, 20), bool)
    mask[9, 5, 17] = True
    found = scaling.mask(mask)
    assert found.shape == (5, 5, 5)
    assert np.argwhere(found).tolist() == [[2, 1, 4]]
    assert not scaling.mask(np.zeros_like(mask)).any()
