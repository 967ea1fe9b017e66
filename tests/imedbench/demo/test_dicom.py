from pathlib import Path

import numpy as np
import pytest

from imedbench.demo.dicom import write_segmentation, write_series
from imedbench.io import read_dicom_seg, read_image
from imedbench.types import Image


@pytest.fixture
def image() -> Image:
    voxels = np.random.default_rng(0).integers(-1024, 1500, (6, 16, 24)).astype(np.int16)
    affine = np.array([[0, 0, 1.5, -17.25], [0, 2.0, 0, -15.0], [5.0, 0, 0, -12.5], [0, 0, 0, 1]])
    return Image(voxels, (5.0, 2.0, 1.5), affine, "ct")


def test_a_series_is_read_back_as_it_was(tmp_path: Path, image: Image) -> None:
    write_series(tmp_path / "ct", image, "one", np.random.default_rng(1))
    again = read_image(tmp_path / "ct")
    assert np.array_equal(again.voxels, image.voxels)
    assert np.allclose(again.affine, image.affine)
    assert again.spacing_mm == image.spacing_mm
    assert again.modality == "ct"


def test_file_names_tell_nothing_of_the_order(tmp_path: Path, image: Image) -> None:
    import pydicom

    write_series(tmp_path, image, "one", np.random.default_rng(1))
    heights = [pydicom.dcmread(path).SliceLocation for path in sorted(tmp_path.iterdir())]
    assert heights not in (sorted(heights), sorted(heights, reverse=True))


def test_a_segmentation_is_read_back_as_it_was_and_is_the_same_each_time(tmp_path: Path, image: Image) -> None:
    labels = np.zeros(image.grid, np.uint8)
    labels[1:3, 2:9, 3:20] = 7
    labels[4, 5:8, 1:4] = 250
    slices = write_series(tmp_path / "ct", image, "one", np.random.default_rng(1))
    for name in ("first.dcm", "second.dcm"):
        write_segmentation(tmp_path / name, slices, labels, {7: "liver", 250: "left kidney"})
    masks = read_dicom_seg(tmp_path / "first.dcm", read_image(tmp_path / "ct"))
    assert masks.targets == ("liver", "left kidney")
    assert np.array_equal(masks["liver"], labels == 7)
    assert np.array_equal(masks["left kidney"], labels == 250)
    assert (tmp_path / "first.dcm").read_bytes() == (tmp_path / "second.dcm").read_bytes()
