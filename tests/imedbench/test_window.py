import numpy as np
import pytest

from imedbench.types import Image
from imedbench.window import to_8bit, window_of


def volume(voxels: np.ndarray) -> Image:
    return Image(voxels, (3.0, 2.0, 0.5), np.eye(4), "ct")


def test_eight_bits_span_the_window_and_nothing_wraps() -> None:
    voxels = np.array([[-2000, -160, 40, 240, 3000]], np.int16)
    assert to_8bit(voxels, (-160.0, 240.0)).tolist() == [[0, 0, 128, 255, 255]]
    assert to_8bit(voxels, (5.0, 5.0)).tolist() == [[0, 0, 0, 0, 0]]


def test_eight_bit_pictures_are_not_touched() -> None:
    picture = np.array([[3, 200]], np.uint8)
    assert to_8bit(picture, (0.0, 255.0)).tolist() == picture.tolist()


def test_the_window_follows_its_rule() -> None:
    voxels = np.zeros((2, 50, 50), np.float32)
    voxels[1] = np.linspace(1, 1000, 2500, dtype=np.float32).reshape(50, 50)
    image = volume(voxels)
    assert window_of(image, (-1.0, 1.0)) == (-1.0, 1.0)
    assert window_of(image, "full") == (0.0, 1000.0)
    low, high = window_of(image, "full", (1.0, 99.0))
    # The zeros are background and do not count.
    assert low == pytest.approx(11, abs=1)
    assert high == pytest.approx(990, abs=1)
    assert window_of(volume(np.zeros((2, 2, 2))), "full", (1.0, 99.0)) == (0.0, 0.0)
