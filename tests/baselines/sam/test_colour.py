import numpy as np
import pytest

from baselines.sam.colour import colour
from imedbench.types import Image


def image_of(voxels: np.ndarray) -> Image:
    return Image(voxels, (1.0, 1.0), np.eye(4), "ct")


def test_always_three_channels() -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.testing.assert_array_equal(colour(image_of(grey), "x"), np.stack([grey] * 3, 2))
    np.testing.assert_array_equal(colour(image_of(grey[..., None]), "x"), np.stack([grey] * 3, 2))
    pair = np.stack([grey, grey + 10], 2)
    np.testing.assert_array_equal(colour(image_of(pair), "x")[..., 2], grey + 5)
    three = np.stack([grey, grey + 1, grey + 2], 2)
    np.testing.assert_array_equal(colour(image_of(three), "x"), three)


@pytest.mark.parametrize(
    ("voxels", "fact"),
    [(np.zeros((3, 4), np.float32), "not float32 of 1"), (np.zeros((3, 4, 4), np.uint8), "not uint8 of 4")],
)
def test_other_pixels_are_refused(voxels: np.ndarray, fact: str) -> None:
    with pytest.raises(ValueError, match=f"medsam takes uint8 images of one to three channels, {fact}"):
        colour(image_of(voxels), "medsam")
