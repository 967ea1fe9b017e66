"""The readers on real samples."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.sparse import load_npz

from imedbench.errors import BadInput
from imedbench.io import (
    MaskFile,
    peek,
    read_csr,
    read_image,
    read_label_map,
    read_mask_files,
    read_regions,
    series_in,
)


def some(folder: Path, pattern: str, count: int) -> list[Path]:
    found = sorted(folder.glob(pattern))
    assert found, f"no {pattern} in {folder}"
    return found[:: max(1, len(found) // count)]


def test_btcv(shared_data: Path) -> None:
    folder = shared_data / "btcv"
    named = json.loads((folder / "dataset.json").read_text())["labels"]
    names = {int(number): name for number, name in named.items() if number != "0"}
    for label in some(folder / "label", "*.npz", 6):
        stem = label.name.partition(".(")[0]
        image = read_image(folder / "image" / f"{stem.removeprefix('x___')}.png", modality="ct")
        dense = load_npz(label).toarray().reshape(13, 512, 512).astype(bool)
        masks = read_csr(label, image, names)
        assert masks.targets == tuple(names[row + 1] for row in range(13) if dense[row].any())
        assert all(np.array_equal(masks[names[row + 1]], dense[row]) for row in range(13) if dense[row].any())
        published = np.load(folder / "imask" / f"{stem}.npz")["arr_0"]
        regions = read_regions(folder / "imask" / f"{stem}.npz", image)
        assert len(regions) == len(np.unique(published)) - 1
        assert regions.areas().sum() == (published > 0).sum()


def test_every_nifti_as_nibabel_reads_it(shared_data: Path) -> None:
    for path in some(shared_data, "**/*.nii.gz", 12):
        image, header = read_image(path), peek(path)
        reference = nib.as_closest_canonical(nib.load(path))
        assert np.allclose(image.voxels.T, reference.get_fdata(), rtol=1e-6, atol=1e-6)
        corner = np.array(image.grid) - 1
        assert np.allclose(image.affine @ (*corner, 1), reference.affine @ (*corner[::-1], 1), atol=1e-4)
        assert header.shape == image.grid


def test_hippocampus(shared_data: Path) -> None:
    folder = shared_data / "msd_hippocampus"
    for label in some(folder / "labelsTr", "[!.]*.nii.gz", 8):
        image = read_image(folder / "imagesTr" / label.name, modality="mr")
        masks = read_label_map(label, image, {1: "anterior", 2: "posterior"})
        assert masks.targets == ("anterior", "posterior")


def test_totalsegmentator(shared_data: Path) -> None:
    folder = shared_data / "totalsegmentator"
    image = read_image(folder / "example_ct_sm.nii.gz")
    masks = read_label_map(folder / "example_seg.nii.gz", image, {value: f"s{value}" for value in range(1, 118)})
    assert len(masks) == 41
    with pytest.raises(BadInput, match=r"shape \(30, 101, 122\) where the image has \(112, 101, 122\)"):
        read_label_map(folder / "example_seg.nii.gz", read_image(folder / "example_ct.nii.gz"), {1: "a"})
    with pytest.raises(BadInput, match="lies outside its image"):
        read_label_map(folder / "example_seg.nii.gz", read_image(folder / "example_mr_sm.nii.gz"), {1: "a"})


def test_dicom_ct_and_its_segmentation(shared_data: Path) -> None:
    folder = shared_data / "dicom_ct"
    image = read_image(folder / "series")
    assert (image.grid, image.modality, image.voxels.dtype) == ((20, 512, 512), "ct", np.int16)
    values = np.unique(np.asarray(nib.load(folder / "segmentation.nii.gz").dataobj))
    masks = read_label_map(folder / "segmentation.nii.gz", image, {int(v): f"s{v}" for v in values if v})
    assert len(masks) == 31
    # Lobes of the lung hold air and the liver does not: they lie where they belong.
    assert image.voxels[masks["s20"]].mean() < -400
    assert 20 < image.voxels[masks["s5"]].mean() < 150
    (found,) = series_in(folder)
    assert len(found.paths) == 20


def test_dicom_mr_as_itk_reads_it(shared_data: Path) -> None:
    image = read_image(shared_data / "dicom_mr")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(shared_data / "dicom_mr")))
    assert np.array_equal(image.voxels, sitk.GetArrayFromImage(reader.Execute())[:, ::-1, ::-1])


def test_brats_channels(shared_data: Path) -> None:
    (first, *_) = sorted(path for path in (shared_data / "brats2015").iterdir() if path.is_dir())
    image = read_image(first / "Flair_subtrMeanDivStd.nii.gz", channels=[first / "T1c_subtrMeanDivStd.nii.gz"])
    assert image.voxels.shape == (155, 240, 240, 2)
    masks = read_label_map(first / "OTMultiClass.nii.gz", image, {1: "a", 2: "b", 3: "a", 4: "c"})
    assert set(masks.targets) <= {"a", "b", "c"}


def test_nrrd(shared_data: Path) -> None:
    image = read_image(shared_data / "nrrd" / "brain1_image.nrrd")
    assert read_label_map(shared_data / "nrrd" / "brain1_label.nrrd", image, {1: "tumour"}).areas().tolist() == [4137]


def test_scribble_set(shared_data: Path) -> None:
    for path in some(shared_data / "medscribble", "*.npz", 8):
        image = read_image(path)
        assert image.grid == (256, 256)
        assert len(read_label_map(path, image, {1: "object"})) == 1


def test_sa_med2d(shared_data: Path) -> None:
    folder, read = shared_data / "sa_med2d_demo", 0
    for path in sorted((folder / "images").glob("*.png")):
        files = [MaskFile(mask, mask.stem) for mask in sorted((folder / "masks").glob(f"{path.stem}_*.png"))]
        read += len(read_mask_files(files, read_image(path))) if files else 0
    assert read == len(list((folder / "masks").glob("*.png")))
