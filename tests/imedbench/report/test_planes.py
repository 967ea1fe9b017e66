import hypothesis.extra.numpy as arrays
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from imedbench.masks import MaskInfo, Masks
from imedbench.report.planes import centre_of, cut_image, cut_masks, views_of
from imedbench.types import Image


@given(arrays.arrays(np.bool_, arrays.array_shapes(min_dims=4, max_dims=4, min_side=1, max_side=7)), st.data())
def test_a_cut_of_encoded_masks_is_the_cut_of_dense_ones(dense: np.ndarray, data: st.DataObject) -> None:
    masks = Masks.from_dense(dense, [MaskInfo("")] * len(dense))
    axis = data.draw(st.integers(0, 2))
    index = data.draw(st.integers(0, dense.shape[1 + axis] - 1))
    found = cut_masks(masks, axis, index)
    expected = [cut_image(mask, axis, index) for mask in dense]
    assert np.array_equal(np.stack(list(found)), np.stack(expected))
    encoded = Masks.from_dense(expected, [MaskInfo("")] * len(dense))
    # The same runs as of an encoded plane: sorted, joined, none past the end of a row.
    assert np.array_equal(found.starts, encoded.starts)
    assert np.array_equal(found.lengths, encoded.lengths)
    assert np.array_equal(found.indptr, encoded.indptr)


def test_up_is_superior_and_left_is_the_patient_s_right() -> None:
    voxels = np.zeros((3, 4, 5))
    voxels[2, :, 0] = 1
    coronal = cut_image(voxels, 1, 0)
    assert coronal[0, -1] == 1
    assert coronal.sum() == 1


def test_the_centre_lies_in_the_largest_truth_mask() -> None:
    ring = np.zeros((3, 9, 9), np.bool_)
    ring[1, 1:8, 1:8] = True
    ring[1, 2:7, 2:7] = False
    larger = np.ones((3, 9, 9), np.bool_)
    masks = Masks.from_dense([ring, larger], [MaskInfo("a"), MaskInfo("", "interactive")])
    assert ring[centre_of(masks)]
    assert centre_of(Masks.empty((3, 9, 7))) == (1, 4, 3)


def test_a_volume_gives_three_planes_with_the_spacing_of_their_axes() -> None:
    mask = np.zeros((4, 6, 8), np.bool_)
    mask[2, 3, 5] = True
    image = Image(np.zeros((4, 6, 8, 2)), (5.0, 2.0, 1.0), np.eye(4), "mr", ("t1", "t2"))
    views = views_of(image, Masks.from_dense([mask], [MaskInfo("a")]))
    assert [view.spacing_mm for view in views] == [(2.0, 1.0), (5.0, 1.0), (5.0, 2.0)]
    assert [view.voxels.shape for view in views] == [(6, 8, 2), (4, 8, 2), (4, 6, 2)]
    assert [view.title for view in views] == ["axial, z = 2", "coronal, y = 3", "sagittal, x = 5"]
    assert all(view.masks.areas().tolist() == [1] for view in views)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_no_masks(axis: int) -> None:
    assert len(cut_masks(Masks.empty((2, 3, 4)), axis, 0)) == 0
