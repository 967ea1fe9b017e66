from collections.abc import Callable
from pathlib import Path

import pytest

from imedbench.layout.inventory import common_folder, says_label, split_name, take_stock

Put = Callable[..., Path]


@pytest.mark.parametrize(
    "path",
    [
        "labelsTr/a.nii",
        "a_seg.nii",
        "a_mask.png",
        "brainmask.nii",
        "GT/a.png",
        "a_dseg.nii",
        "segmentations/a.nii",
        "a-roi.png",
    ],
)
def test_words_of_labels(path: str) -> None:
    assert says_label(path)


@pytest.mark.parametrize(
    "path", ["images/a.nii", "unlabeled/a.png", "masked/a.png", "Tegmentum.nii", "light.png", "ct.nii"]
)
def test_words_of_images(path: str) -> None:
    assert not says_label(path)


def test_ending_of_a_name() -> None:
    assert split_name("a.b.nii.gz") == ("a.b", ".nii.gz")
    assert split_name("a.b.png") == ("a.b", ".png")
    assert split_name("series/") == ("series", "/")


def test_common_folder() -> None:
    assert common_folder(["a/b/x.png", "a/b/c/y.png"]) == "a/b/"
    assert common_folder(["ab/x.png", "a/y.png"]) == ""


def test_what_lies_in_a_folder(put: Put, source: Path) -> None:
    put("b/scan.nii")
    put("a/scan_seg.nii")
    put("a/._scan_seg.nii")
    (source / "README.md").write_text("hello")
    (source / "loop").symlink_to(source)
    stock = take_stock(source)
    assert stock.units == ("a/scan_seg.nii", "b/scan.nii")
    assert stock.labels == ("a/scan_seg.nii",)
    assert stock.images == ("b/scan.nii",)
    assert "README.md" in stock.files


def test_series_is_one_unit(shared_data: Path) -> None:
    assert take_stock(shared_data / "dicom_mr").units == ("./",)
    assert take_stock(shared_data / "dicom_ct").units == ("segmentation.nii.gz", "series/")
