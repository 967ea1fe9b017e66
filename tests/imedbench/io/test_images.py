import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image as PillowImage

import imedbench.io
from imedbench.io import is_image, read_image


@pytest.mark.parametrize(
    "name", ["a.nii", "A.NII.GZ", "a.nrrd", "a.nhdr", "a.mha", "a.mhd", "a.png", "a.JPG", "a.tiff", "a.bmp", "a.npz"]
)
def test_endings(name: str) -> None:
    assert is_image(Path("somewhere", name))


@pytest.mark.parametrize("name", ["a.txt", "a.gz", "a.json", "nii", "a.nii.bak", ".png"])
def test_other_endings(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x" * 200)
    assert not is_image(tmp_path / name)


def test_dicom_without_an_ending(tmp_path: Path, write_series: Any) -> None:
    (path,) = write_series(tmp_path, np.ones((1, 4, 5), np.int16))
    bare = path.rename(tmp_path / "IM000001")
    assert is_image(bare)
    assert read_image(bare).grid == (4, 5)


def test_channels_from_several_files(tmp_path: Path) -> None:
    affine = np.diag([1.0, 2, 3, 1])
    parts = np.random.default_rng(0).integers(0, 9, (3, 4, 5, 6)).astype(np.int16)
    for name, voxels in zip(("flair", "t1", "t2"), parts, strict=True):
        nib.Nifti1Image(voxels, affine).to_filename(tmp_path / f"{name}.nii.gz")
    # The same grid with its first axis turned is turned back.
    turned = affine.copy()
    turned[0] = [-1, 0, 0, 3]
    nib.Nifti1Image(parts[1][::-1].astype(np.float32), turned).to_filename(tmp_path / "t1.nii.gz")
    image = read_image(
        tmp_path / "flair.nii.gz", modality="mr", channels=[tmp_path / "t1.nii.gz", tmp_path / "t2.nii.gz"]
    )
    assert image.channels == ("flair", "t1", "t2")
    assert image.modality == "mr"
    assert image.voxels.shape == (6, 5, 4, 3)
    assert image.voxels.dtype == np.float32
    assert np.array_equal(image.voxels, parts.transpose(3, 2, 1, 0))


def test_colour_and_grey_together(tmp_path: Path, refused: Any) -> None:
    colour = np.random.default_rng(0).integers(0, 255, (4, 5, 3)).astype(np.uint8)
    PillowImage.fromarray(colour).save(tmp_path / "a.png")
    PillowImage.fromarray(colour[..., 0]).save(tmp_path / "b.png")
    image = read_image(tmp_path / "a.png", channels=[tmp_path / "b.png"])
    assert image.channels == ("a red", "a green", "a blue", "b")
    assert np.array_equal(image.voxels[..., 3], colour[..., 0])
    PillowImage.fromarray(colour[:3]).save(tmp_path / "c.png")
    with refused(tmp_path / "c.png", r"shape \(3, 5\) where the first channel has \(4, 5\)"):
        read_image(tmp_path / "a.png", channels=[tmp_path / "c.png"])


def test_the_package_imports_nothing_before_it_is_used() -> None:
    code = (
        "import sys, imedbench.io; print(sorted({'nibabel', 'SimpleITK', 'pydicom', 'PIL', 'cv2'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_public_names() -> None:
    assert all(getattr(imedbench.io, name) is not None for name in imedbench.io.__all__)
    assert set(dir(imedbench.io)) == set(imedbench.io.__all__)
    with pytest.raises(AttributeError, match="no attribute 'read_everything'"):
        imedbench.io.read_everything  # noqa: B018
