import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from pycocotools import mask as reference

from imedbench.masks import MaskInfo, Masks
from imedbench.store.export.rle import coco_counts

# pycocotools is older than the second edition of numpy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SHAPES = arrays.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=12)


@given(arrays.arrays(np.bool_, SHAPES))
def test_counts_are_those_of_pycocotools(dense: np.ndarray) -> None:
    masks = Masks.from_dense(dense, [MaskInfo("")] * len(dense))
    expected = [reference.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode() for mask in dense]
    assert coco_counts(masks) == expected


def test_large_counts_and_empty_masks() -> None:
    dense = np.zeros((3, 700, 900), np.bool_)
    dense[1, 400:, 10] = True
    dense[2] = True
    masks = Masks.from_dense(dense, [MaskInfo("")] * 3)
    expected = [reference.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode() for mask in dense]
    assert coco_counts(masks) == expected


def test_no_masks() -> None:
    assert coco_counts(Masks.empty((4, 5))) == []
