import numpy as np
import pytest

from imedbench.build.standardise import Layers, Plane, cut_planes, picture_of, planes_of, upright
from imedbench.masks import MaskInfo, Masks
from imedbench.types import Image

AFFINE = np.array([[0, 0, 0.5, -10], [0, 2, 0, -20], [3, 0, 0, -30], [0, 0, 0, 1.0]])


def volume(voxels: np.ndarray) -> Image:
    return Image(voxels, (3.0, 2.0, 0.5), AFFINE, "ct")


def test_planes_are_named_by_axis_and_index() -> None:
    planes = planes_of((4, 5, 6), (0, 2), 2)
    assert [plane.suffix for plane in planes] == ["z0001", "z0003", "x0001", "x0003", "x0005"]
    assert planes_of((1, 5, 6), (0,), 1) == [Plane(0, 0)]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_pixel_lies_where_its_voxel_lies(axis: int) -> None:
    voxels = np.random.default_rng(0).integers(0, 255, (3, 4, 5)).astype(np.uint8)
    image = volume(voxels)
    picture = picture_of(image, Plane(axis, 2), (0.0, 255.0))
    for row, column in np.ndindex(picture.grid):
        x, y, z, _ = picture.affine @ (0, row, column, 1)
        index = np.rint(np.linalg.solve(AFFINE, (x, y, z, 1))[:3]).astype(int)
        assert voxels[tuple(index)] == picture.voxels[row, column]
        assert index[axis] == 2
    assert picture.spacing_mm == tuple(s for i, s in enumerate((3.0, 2.0, 0.5)) if i != axis)


def test_superior_and_anterior_are_up_and_the_right_side_is_left() -> None:
    voxels = np.zeros((3, 4, 5), np.uint8)
    voxels[-1, -1, -1] = 1  # superior, anterior, right in RAS+
    for axis in range(3):
        assert upright(voxels, Plane(axis, voxels.shape[axis] - 1))[0, 0] == 1


def test_channels_stay_last() -> None:
    assert upright(np.zeros((3, 4, 5, 2)), Plane(1, 0)).shape == (3, 5, 2)


def test_masks_are_cut_with_the_picture_even_where_they_overlap() -> None:
    dense = np.random.default_rng(1).random((3, 4, 5, 6)) > 0.5
    dense[2] = False
    dense[2, 0, 0, 0] = True
    masks = Masks.from_dense(dense, [MaskInfo(name) for name in "abc"])
    layers = Layers.of(masks)
    assert 1 < len(layers.maps) <= 3
    planes = planes_of((4, 5, 6), (0, 1, 2), 1)
    for plane, picture, cut in cut_planes(volume(np.zeros((4, 5, 6))), layers, planes, (0.0, 1.0)):
        assert cut is not None
        assert cut.shape == picture.grid
        expected = {name: upright(mask, plane) for name, mask in zip("abc", dense, strict=True)}
        assert set(cut.targets) == {name for name, mask in expected.items() if mask.any()}
        for name in cut.targets:
            assert np.array_equal(cut[name], expected[name])


def test_disjoint_masks_share_one_map() -> None:
    labels = np.arange(300).reshape(3, 10, 10)
    masks = Masks.from_labels(labels, {value: MaskInfo(str(value)) for value in range(300)})
    layers = Layers.of(masks)
    assert len(layers.maps) == 1
    assert layers.maps[0].dtype == np.uint16
    cut = layers.cut(Plane(0, 1))
    assert cut is not None
    assert cut["100"][-1, -1]


def test_a_plane_without_masks_has_none() -> None:
    dense = np.zeros((1, 3, 4, 5), bool)
    dense[0, 1] = True
    layers = Layers.of(Masks.from_dense(dense, [MaskInfo("a")]))
    assert layers.cut(Plane(0, 0)) is None
    assert layers.cut(Plane(0, 1)) is not None
    assert Layers.of(Masks.empty((3, 4, 5))).cut(Plane(0, 0)) is None
