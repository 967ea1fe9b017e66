import time
from dataclasses import replace

import numpy as np
import pytest

from imedbench.build.regions import RegionSettings, box_overlaps, region_boxes
from imedbench.types import Box, Image

OBJECTS = {
    "bright disc": (slice(40, 90), slice(50, 100)),
    "dark bar": (slice(120, 200), slice(30, 60)),
    "middling square": (slice(130, 180), slice(140, 190)),
}


def picture(dtype: type = np.uint8) -> Image:
    """Three objects on a grey body in black air."""
    voxels = np.zeros((256, 256), np.uint8)
    voxels[20:236, 20:236] = 120
    rows, columns = np.mgrid[:256, :256]
    voxels[(rows - 65) ** 2 + (columns - 75) ** 2 < 25**2] = 220
    voxels[OBJECTS["dark bar"]] = 40
    voxels[OBJECTS["middling square"]] = 150
    noise = np.random.default_rng(5).integers(-6, 7, voxels.shape)
    return Image(np.clip(voxels + noise, 0, 255).astype(dtype), (1.0, 1.0), np.eye(4), "ct")


def corners(boxes: list[Box]) -> np.ndarray:
    return np.array([[*box.low, *box.high] for box in boxes], np.int64)


@pytest.mark.parametrize("name", OBJECTS)
def test_each_object_has_a_box(name: str) -> None:
    rows, columns = OBJECTS[name]
    wanted = np.array([[rows.start, columns.start, rows.stop, columns.stop]])
    assert box_overlaps(wanted, corners(region_boxes(picture()))).max() > 0.8


def test_boxes_are_distinct_and_inside_the_image() -> None:
    found = corners(region_boxes(picture()))
    iou = box_overlaps(found, found)
    np.fill_diagonal(iou, 0)
    assert len(found) > 3
    assert iou.max() <= RegionSettings().box_iou + 0.01
    assert (found[:, :2] >= 0).all()
    assert (found[:, 2:] <= 256).all()
    assert (found[:, 2:] - found[:, :2] >= RegionSettings().least_side).all()


def test_air_is_not_asked_about() -> None:
    voxels = np.random.default_rng(7).integers(0, 4, (256, 256)).astype(np.uint8)
    voxels[40:60, 40:60] += 200
    image = Image(voxels, (1.0, 1.0), np.eye(4), "ct")
    found = corners(region_boxes(image))
    assert len(found)
    assert box_overlaps(found, np.array([[35, 35, 65, 65]])).min() > 0
    assert len(region_boxes(image, replace(RegionSettings(), least_contrast=0.0))) > len(found)


def test_equal_images_have_equal_boxes() -> None:
    assert region_boxes(picture()) == region_boxes(picture())


def test_no_more_than_asked_and_the_first_stay_first() -> None:
    every = region_boxes(picture())
    assert region_boxes(picture(), replace(RegionSettings(), most=4)) == every[:4]


def test_a_large_image_is_parted_small_and_answered_in_its_own_pixels() -> None:
    small = picture()
    large = Image(np.kron(small.voxels, np.ones((5, 5), np.uint8)), (0.2, 0.2), np.eye(4), "xray")
    rows, columns = OBJECTS["dark bar"]
    wanted = 5 * np.array([[rows.start, columns.start, rows.stop, columns.stop]])
    assert box_overlaps(wanted, corners(region_boxes(large))).max() > 0.8


def test_colour_is_taken() -> None:
    grey = picture()
    colour = Image(np.repeat(grey.voxels[..., None], 3, 2), (1.0, 1.0), np.eye(4), "fundus", ("r", "g", "b"))
    assert region_boxes(colour) == region_boxes(grey)


@pytest.mark.parametrize("value", [0, 130, 255])
@pytest.mark.parametrize("shape", [(64, 64), (7, 300), (1, 1)])
def test_an_even_image_gives_no_boxes_and_no_error(value: int, shape: tuple[int, int]) -> None:
    assert region_boxes(Image(np.full(shape, value, np.uint8), (1.0, 1.0), np.eye(4), "ct")) == []


def test_fast_enough_for_every_slice() -> None:
    rng = np.random.default_rng(6)
    voxels = np.kron(rng.integers(0, 256, (64, 64)), np.ones((8, 8))).astype(np.uint8)
    image = Image(voxels, (1.0, 1.0), np.eye(4), "ct")
    used = []
    for _ in range(3):
        start = time.process_time()
        region_boxes(image)
        used.append(time.process_time() - start)
    assert min(used) < 1.5


def test_box_overlaps() -> None:
    first = np.array([[0, 0, 10, 10], [20, 20, 30, 40]])
    second = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [25, 20, 30, 40]])
    np.testing.assert_allclose(box_overlaps(first, second), [[1, 1 / 3, 0], [0, 0, 0.5]], rtol=1e-6)
