import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image as Pillow

from imedbench.masks import MaskInfo, Masks
from imedbench.nifti import nifti_of
from imedbench.store import Store
from imedbench.store.export import export_store
from imedbench.store.export.nnunet import label_map, labels_of
from imedbench.types import Image


@pytest.fixture(scope="module")
def folder(sample_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("nnunet") / "out"
    summary = export_store(sample_store, "nnunet", out)
    assert summary.cases == 3
    assert any("2 slices" in note for note in summary.notes)
    assert any("Dataset502_Alpha" in note for note in summary.notes)
    return out


def test_folders_are_those_of_raw_version_2(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "Dataset501_Alpha2D",
        "Dataset502_Alpha",
        "Dataset503_Beta2D",
    ]
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert files == [
        "Dataset501_Alpha2D/dataset.json",
        "Dataset501_Alpha2D/imagesTs/s2_0000.png",
        "Dataset501_Alpha2D/labelsTs/s2.png",
        "Dataset502_Alpha/dataset.json",
        "Dataset502_Alpha/imagesTr/s1_0000.nii.gz",
        "Dataset502_Alpha/labelsTr/s1.nii.gz",
        "Dataset503_Beta2D/dataset.json",
        "Dataset503_Beta2D/imagesTs/eye.1_0000.png",
        "Dataset503_Beta2D/labelsTs/eye.1.png",
    ]


def test_a_volume_has_its_own_intensities_and_the_grid_of_its_file(folder: Path, sample_store: Store) -> None:
    case = sample_store["s1"]
    file = nib.load(folder / "Dataset502_Alpha" / "imagesTr" / "s1_0000.nii.gz")
    assert np.array_equal(file.affine, case.image.source.affine)
    voxels = np.asarray(file.dataobj)
    assert voxels.dtype == np.int16
    # The source's j runs against y.
    assert np.array_equal(voxels[3, 4, 5], case.image.voxels[5, 19 - 4, 3])
    label = nib.load(folder / "Dataset502_Alpha" / "labelsTr" / "s1.nii.gz")
    assert np.array_equal(label.affine, file.affine)
    assert label.shape == file.shape


def test_hounsfield_units_are_normalised_as_such_and_pictures_are_not(folder: Path) -> None:
    named = {
        name: json.loads((folder / name / "dataset.json").read_text())["channel_names"]
        for name in ("Dataset501_Alpha2D", "Dataset502_Alpha")
    }
    assert named == {"Dataset501_Alpha2D": {"0": "alpha"}, "Dataset502_Alpha": {"0": "CT"}}


def test_labels_lie_on_the_right_voxels_as_regions(folder: Path, sample_store: Store) -> None:
    case = sample_store["s1"]
    content = json.loads((folder / "Dataset502_Alpha" / "dataset.json").read_text())
    numbers = case.image.source.to_canonical(
        np.asarray(nib.load(folder / "Dataset502_Alpha" / "labelsTr" / "s1.nii.gz").dataobj)
    )
    for target in ("liver", "liver tumor", "spleen"):
        assert np.array_equal(np.isin(numbers, content["labels"][target]), case.masks[target])
    written = np.zeros_like(numbers)
    names = [name for name in content["labels"] if name != "background"]
    for name, number in zip(names, content["regions_class_order"], strict=True):
        written[case.masks[name]] = number
    # What nnU-Net writes for a perfect prediction of the regions is the label map itself.
    assert np.array_equal(written, numbers)


def test_pictures_and_their_labels(folder: Path, sample_store: Store) -> None:
    content = json.loads((folder / "Dataset503_Beta2D" / "dataset.json").read_text())
    assert content["channel_names"] == {"0": "red", "1": "green", "2": "blue"}
    assert (content["labels"], content["numTraining"], content["file_ending"]) == (
        {"background": 0, "optic disc": 1},
        0,
        ".png",
    )
    colour = Pillow.open(folder / "Dataset503_Beta2D" / "imagesTs" / "eye.1_0000.png")
    assert np.array_equal(colour, sample_store["eye.1"].image.voxels)
    label = np.asarray(Pillow.open(folder / "Dataset503_Beta2D" / "labelsTs" / "eye.1.png"))
    assert np.array_equal(label == 1, sample_store["eye.1"].masks["optic disc"])


def test_without_overlap_labels_are_plain_numbers() -> None:
    dense = np.array([[[1, 1, 0, 0]], [[0, 0, 0, 1]]], np.bool_)
    combinations = {(0,): 1, (1,): 2}
    numbers = label_map(Masks.from_dense(dense, [MaskInfo("a"), MaskInfo("b")]), ["a", "b"], combinations)
    assert numbers.tolist() == [[1, 1, 0, 2]]
    assert labels_of(["a", "b"], combinations, {0, 1, 2}) == {"labels": {"background": 0, "a": 1, "b": 2}}


def test_three_targets_that_overlap_crosswise_are_told_apart() -> None:
    dense = np.array([[[1, 1, 1, 0, 0]], [[0, 1, 1, 1, 0]], [[0, 0, 1, 1, 1]]], np.bool_)
    names = ["a", "b", "c"]
    combinations = {(0,): 1, (1,): 2, (2,): 3}
    numbers = label_map(Masks.from_dense(dense, [MaskInfo(name) for name in names]), names, combinations)
    labels = labels_of(names, combinations, set(np.unique(numbers).tolist()))["labels"]
    for name, mask in zip(names, dense, strict=True):
        assert np.array_equal(np.isin(numbers, labels[name]), mask)


def test_a_picture_in_nifti_lies_where_it_says() -> None:
    affine = np.array([[0, 0, 0.5, 7], [0, 2.0, 0, 8], [3, 0, 0, 9], [0, 0, 0, 1.0]])
    image = Image(np.arange(6, dtype=np.int64).reshape(2, 3), (2.0, 0.5), affine, "mr")
    file = nib.Nifti1Image.from_bytes(__import__("gzip").decompress(nifti_of(image.voxels, image)))
    assert file.shape == (3, 2, 1)
    assert np.asarray(file.dataobj)[2, 1, 0] == image.voxels[1, 2]
    assert np.allclose(file.affine @ [2, 1, 0, 1], affine @ [0, 1, 2, 1])
