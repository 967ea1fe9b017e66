import numpy as np
import pytest

from imedbench.curate.grid import Grid


def test_blocks_are_no_larger_than_wanted() -> None:
    assert Grid.of((40, 60, 60), (1.5, 0.8, 0.8), 3.0).factors == (2, 3, 3)
    assert Grid.of((40, 60, 60), (5.0, 3.0, 3.0), 3.0).factors == (1, 1, 1)


def test_means_and_middles_of_a_shape_that_does_not_divide() -> None:
    grid = Grid((3, 5, 4), (2, 2, 3), (1.0, 1.0, 1.0))
    voxels = np.arange(60).reshape(3, 5, 4)
    means = grid.means(voxels)
    assert means.shape == (2, 3, 2)
    assert means[0, 0, 0] == pytest.approx(voxels[:2, :2, :3].mean())
    # Beyond the border the last voxels go on.
    assert means[1, 2, 1] == pytest.approx(voxels[2, 4, 3])
    middles = grid.middles(voxels)
    assert middles[0, 0, 0] == voxels[1, 1, 1]
    assert middles[1, 2, 1] == voxels[2, 4, 3]


def test_a_slice_repeats_blocks() -> None:
    grid = Grid((3, 5, 4), (2, 2, 3), (1.0, 1.0, 1.0))
    blocks = np.arange(12).reshape(2, 3, 2)
    plane = grid.slice(blocks, 2)
    assert plane.shape == (5, 4)
    assert plane.tolist() == [[6, 6, 6, 7], [6, 6, 6, 7], [8, 8, 8, 9], [8, 8, 8, 9], [10, 10, 10, 11]]


def test_distances_are_millimetres_and_do_not_end_at_the_border() -> None:
    grid = Grid((4, 6, 6), (1, 1, 1), (3.0, 2.0, 2.0))
    mask = np.ones((4, 6, 6), np.bool_)
    assert np.isinf(grid.depth(mask)).all()
    mask[:, :, 0] = False
    assert grid.depth(mask)[2, 3].tolist() == [0, 2, 4, 6, 8, 10]
    assert grid.distance(~mask)[0, 0, 5] == 10
    assert np.isinf(grid.distance(np.zeros((4, 6, 6), np.bool_))).all()


def test_closing_fills_what_is_narrow_and_opening_takes_it_away() -> None:
    grid = Grid((1, 1, 20), (1, 1, 1), (1.0, 1.0, 1.0))
    mask = np.zeros((1, 1, 20), np.bool_)
    mask[0, 0, :8] = mask[0, 0, 11:] = True
    assert grid.closed(mask, 2).all()
    assert not grid.closed(mask, 1).all()
    line = np.zeros((1, 20, 20), np.bool_)
    line[0, 5:15, 5:15] = True
    line[0, 9, :] = True
    plane = Grid((1, 20, 20), (1, 1, 1), (1.0, 1.0, 1.0))
    opened = plane.opened(line, 2)
    assert opened[0, 10, 10]
    assert not opened[0, 9, 0]


def test_volume_of_a_block() -> None:
    assert Grid((1, 1, 1), (1, 1, 1), (5.0, 10.0, 20.0)).voxel_ml == 1


def test_the_rim_is_a_voxel_thick_at_least() -> None:
    mask = np.zeros((3, 9, 9), np.bool_)
    mask[:, 2:7, 2:7] = True
    grid = Grid((3, 9, 9), (1, 1, 1), (2.0, 5.0, 5.0))
    rim = grid.rim(mask, 3.0)
    assert np.count_nonzero(rim[0]) == 16
    assert np.count_nonzero(grid.rim(mask, 10.0)[0]) == 24
