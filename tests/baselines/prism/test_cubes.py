import numpy as np
import pytest
import torch

from baselines.prism.course import Data
from baselines.prism.cubes import around, box_of, cut, overlap, varied

STILL = Data(mirror=0, shift_chance=0, zoom_chance=0)


@pytest.mark.parametrize(
    ("place", "length", "first"), [(20, 40, 12), (2, 40, 0), (39, 40, 24), (3, 10, -3), (8, 16, 0)]
)
def test_a_cube_stays_inside_or_lies_about(place: int, length: int, first: int) -> None:
    assert around((place,) * 3, (length,) * 3, 16) == (first,) * 3


def test_cutting_and_beyond() -> None:
    volume = np.arange(10 * 20 * 30).reshape(10, 20, 30)
    found = cut(volume, (-3, 4, 20), 16, beyond=-1)
    np.testing.assert_array_equal(found[3:13, :, :10], volume[:, 4:20, 20:])
    assert (found[:3] == -1).all()
    assert (found[13:] == -1).all()
    assert (found[:, :, 10:] == -1).all()


def test_nothing_shared() -> None:
    inside, outside = overlap((30, 0, 0), (10, 10, 10), 8)
    assert np.zeros((8, 8, 8))[inside].size == np.zeros((10, 10, 10))[outside].size == 0


def test_nothing_changes_where_nothing_is_asked() -> None:
    image, truth = np.random.default_rng(0).normal(size=(8, 8, 8)), np.eye(8)[None].repeat(8, 0) > 0
    seen, told = varied(image, truth, STILL, np.random.default_rng(0))
    np.testing.assert_allclose(seen[0], image, atol=1e-6)
    np.testing.assert_array_equal(told[0] > 0, truth)


def test_what_changes() -> None:
    image = np.random.default_rng(0).normal(size=(16, 16, 16)).astype(np.float32)
    truth = image > 0
    mirrored, also = varied(image, truth, STILL.model_copy(update={"mirror": 1.0}), np.random.default_rng(0))
    np.testing.assert_array_equal(mirrored[0], image[::-1, ::-1, ::-1])
    np.testing.assert_array_equal(also[0] > 0, truth[::-1, ::-1, ::-1])
    moved, _ = varied(image, truth, STILL.model_copy(update={"shift_chance": 1.0}), np.random.default_rng(0))
    apart = moved[0] - torch.from_numpy(image)
    assert 0 < float(apart.abs().max()) <= STILL.shift
    assert float(apart.std()) < 1e-5


@pytest.mark.parametrize(("factor", "side"), [(0.5, 4), (2.0, 16), (1.0, 8)])
def test_zooming_about_the_middle(factor: float, side: int) -> None:
    image = np.zeros((32, 32, 32), np.float32)
    image[12:20, 12:20, 12:20] = 1
    data = STILL.model_copy(update={"zoom_chance": 1.0, "zoom": (factor, factor)})
    seen, told = varied(image, image > 0, data, np.random.default_rng(0))
    assert int(told.sum()) == side**3
    assert float(seen.sum()) == pytest.approx(side**3, rel=0.25)
    assert (seen[0] > 0.5)[16 - side // 4, 16, 16]


def test_truth_does_not_leave_by_zooming() -> None:
    image = np.zeros((16, 16, 16), np.float32)
    image[0, 0, 0] = 1
    data = STILL.model_copy(update={"zoom_chance": 1.0, "zoom": (1.25, 1.25)})
    assert varied(image, image > 0, data, np.random.default_rng(0))[1].any()


def test_a_box() -> None:
    mask = np.zeros((9, 9, 9), bool)
    mask[2:5, 3, 4:9] = True
    assert box_of(mask).tolist() == [2, 3, 4, 5, 4, 9]
