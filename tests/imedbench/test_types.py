import itertools

import nibabel as nib
import numpy as np
import pytest

from imedbench.types import Image, SourceGrid

WAYS = list(itertools.product(itertools.permutations(range(3)), itertools.product([False, True], repeat=3)))


@pytest.mark.parametrize(("axes", "flipped"), WAYS)
def test_the_way_back_undoes_the_way_in(axes: tuple[int, int, int], flipped: tuple[bool, bool, bool]) -> None:
    grid = SourceGrid(np.eye(4), axes, flipped)
    voxels = np.arange(2 * 3 * 4 * 2).reshape(2, 3, 4, 2)
    there = grid.to_canonical(voxels)
    assert there.shape == (*(voxels.shape[axis] for axis in axes), 2)
    assert np.array_equal(grid.to_source(there), voxels)


def test_canonical_is_what_nibabel_calls_closest_canonical_turned_to_zyx() -> None:
    voxels = np.arange(24).reshape(2, 3, 4)
    affine = np.array([[0, 0, -1, 5], [-2, 0, 0, 6], [0, 3, 0, 7], [0, 0, 0, 1.0]])
    expected = np.asarray(nib.as_closest_canonical(nib.Nifti1Image(voxels.astype(np.int16), affine)).dataobj)
    # File axes 2, 0, 1 run along x, y, z; the first two against them.
    grid = SourceGrid(affine, axes=(1, 0, 2), flipped=(False, True, True))
    assert np.array_equal(grid.to_canonical(voxels), expected.transpose(2, 1, 0))


def test_the_grid_leaves_channels_out() -> None:
    picture = Image(np.zeros((4, 5, 3), np.uint8), (1.0, 1.0), np.eye(4), "skin", ("r", "g", "b"))
    assert picture.grid == (4, 5)
