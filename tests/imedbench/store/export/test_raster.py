import io

import numpy as np
import pytest
from PIL import Image as Pillow

from imedbench.store.export.raster import png_of
from imedbench.types import Array


def read(content: bytes) -> Array:
    with Pillow.open(io.BytesIO(content)) as picture:
        return np.asarray(picture)


GREY = np.arange(200, dtype=np.uint8).reshape(10, 20)


def test_grey_stays_grey_or_becomes_colour() -> None:
    assert np.array_equal(read(png_of(GREY)), GREY)
    assert np.array_equal(read(png_of(GREY, colour=True)), np.repeat(GREY[..., None], 3, 2))


@pytest.mark.parametrize(("channels", "shown"), [(1, 1), (2, 3), (3, 3)])
def test_any_number_of_channels_a_picture_can_have(channels: int, shown: int) -> None:
    voxels = np.repeat(GREY[..., None], channels, 2)
    found = read(png_of(voxels)).reshape(10, 20, -1)
    assert found.shape[-1] == shown
    assert np.array_equal(found[..., :channels], voxels)


def test_label_maps_of_16_bits() -> None:
    numbers = (np.arange(60, dtype=np.uint16) * 1000).reshape(6, 10)
    assert np.array_equal(read(png_of(numbers)), numbers)
