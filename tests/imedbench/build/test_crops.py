import numpy as np
import pytest
from segment_anything.utils.amg import generate_crop_boxes

from imedbench.build.crops import Crop, crops
from imedbench.masks import MaskInfo, Masks
from imedbench.types import Image


@pytest.mark.parametrize("grid", [(100, 100), (61, 200), (512, 333)])
@pytest.mark.parametrize("layers", [0, 1, 2])
def test_the_crops_of_segment_anything(grid: tuple[int, int], layers: int) -> None:
    boxes, numbers = generate_crop_boxes(grid, layers, 0.3)
    found = {(crop.low[1], crop.low[0], crop.high[1], crop.high[0]): crop.layer for crop in crops(grid, layers, 0.3)}
    assert found == {tuple(box): number for box, number in zip(boxes, numbers, strict=True)}
    assert len(found) == sum(4**number for number in range(layers + 1))


def test_a_crop_of_a_picture_is_its_pixels() -> None:
    voxels = np.arange(60, dtype=np.uint8).reshape(6, 10)
    part = Crop(1, (2, 3), (5, 9)).of(Image(voxels, (1.0, 1.0), np.eye(4), "us"))
    assert np.array_equal(part.voxels, voxels[2:5, 3:9])
    assert part.grid == (3, 6)


def test_masks_come_back_to_where_they_were_found() -> None:
    crop = Crop(1, (20, 30), (60, 90))
    mask = np.zeros((40, 60), np.bool_)
    mask[10:15, 20:30] = True
    found = Masks.from_dense([mask], [MaskInfo("", "interactive", point=(12.5, 25.0))])
    back = crop.back(found, (100, 100))
    expected = np.zeros((100, 100), np.bool_)
    expected[30:35, 50:60] = True
    assert np.array_equal(back[0], expected)
    assert back.infos[0].point == (32.5, 55.0)


def test_what_an_inner_border_cuts_off_does_not_come_back() -> None:
    """The upper right quarter: its lower and left borders lie inside the picture, the others are the picture's."""
    crop = Crop(1, (0, 50), (50, 100))
    masks = np.zeros((5, 50, 50), np.bool_)
    masks[0, :10, 20:30] = masks[1, 20:30, 40:] = masks[2, 20:30, 20:30] = True
    masks[3, 45:, 20:30] = masks[4, 20:30, :8] = True
    found = Masks.from_dense(masks, [MaskInfo(str(index), "interactive") for index in range(5)])
    assert [info.target for info in crop.back(found, (100, 100)).infos] == ["0", "1", "2"]
    # The whole picture cuts nothing off.
    assert len(Crop(0, (0, 0), (50, 50)).back(found, (50, 50))) == 5


def test_nothing_comes_back_as_nothing() -> None:
    assert len(Crop(1, (0, 0), (5, 5)).back(Masks.empty((5, 5)), (10, 10))) == 0
