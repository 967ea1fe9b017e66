from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from imedbench.io import peek, read_image

AFFINE = np.diag([1.0, 2, 3, 1])


def save(path: Path, voxels: np.ndarray, kind: type = nib.Nifti1Image, affine: np.ndarray = AFFINE) -> Path:
    kind(voxels, affine).to_filename(path)
    return path


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "f4"])
@pytest.mark.parametrize("order", "<>")
def test_types_are_kept(tmp_path: Path, dtype: str, order: str) -> None:
    voxels = np.arange(60).reshape(3, 4, 5).astype(dtype)
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(dtype)
    nib.Nifti1Image(voxels, AFFINE, header).to_filename(tmp_path / "a.nii")
    image = read_image(tmp_path / "a.nii")
    assert image.voxels.dtype == np.dtype(dtype)
    assert image.voxels.dtype.isnative
    assert np.array_equal(image.voxels, voxels.T)
    assert peek(tmp_path / "a.nii").dtype == image.voxels.dtype.name
    assert peek(tmp_path / "a.nii").nbytes == image.voxels.nbytes


def test_wide_types_are_narrowed(tmp_path: Path) -> None:
    voxels = np.arange(60).reshape(3, 4, 5)
    header = nib.Nifti1Header()
    header.set_data_dtype(np.int64)
    nib.Nifti1Image(voxels, AFFINE, header).to_filename(tmp_path / "a.nii")
    assert read_image(tmp_path / "a.nii").voxels.dtype == np.int32
    assert read_image(save(tmp_path / "b.nii", voxels.astype(float))).voxels.dtype == np.float32


def test_scaled_values(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(3, 4, 5))
    image = nib.Nifti1Image(values, AFFINE)
    image.set_data_dtype(np.int16)
    image.to_filename(tmp_path / "a.nii.gz")
    read = read_image(tmp_path / "a.nii.gz")
    assert read.voxels.dtype == np.float32
    assert np.allclose(read.voxels.T, nib.load(tmp_path / "a.nii.gz").get_fdata(), atol=1e-6)
    assert peek(tmp_path / "a.nii.gz").dtype == "float32"


def test_second_version_and_big_offsets(tmp_path: Path) -> None:
    voxels = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    path = save(tmp_path / "a.nii.gz", voxels, nib.Nifti2Image)
    assert np.array_equal(read_image(path).voxels, voxels.T)
    image = nib.Nifti1Image(voxels, AFFINE)
    image.header.extensions.append(nib.nifti1.Nifti1Extension(6, b"words " * 50))
    image.to_filename(path)
    assert np.array_equal(read_image(path).voxels, voxels.T)


def test_volumes_are_channels(tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(0, 99, (3, 4, 5, 2)).astype(np.int16)
    image = read_image(save(tmp_path / "a.nii.gz", voxels, affine=np.diag([-1.0, -2, 3, 1])))
    assert image.voxels.shape == (5, 4, 3, 2)
    assert image.grid == (5, 4, 3)
    assert len(image.channels) == 2
    for channel in range(2):
        assert np.array_equal(image.voxels[..., channel], voxels[::-1, ::-1, :, channel].T)
    assert peek(tmp_path / "a.nii.gz").channels == 2
    vectors = read_image(save(tmp_path / "b.nii.gz", voxels[:, :, :, None, :], affine=np.diag([-1.0, -2, 3, 1])))
    assert np.array_equal(vectors.voxels, image.voxels)
    single = read_image(save(tmp_path / "c.nii", voxels[..., :1]))
    assert single.voxels.shape == (5, 4, 3)


@pytest.mark.parametrize("names", ["RGB", "RGBA"])
def test_colour(tmp_path: Path, names: str) -> None:
    dtype = np.dtype([(name, "u1") for name in names])
    voxels = np.zeros((3, 4, 5), dtype)
    voxels["G"] = np.arange(60).reshape(3, 4, 5)
    voxels["R"] = 7
    image = read_image(save(tmp_path / "a.nii", voxels))
    assert image.channels == ("red", "green", "blue")
    assert np.array_equal(image.voxels[..., 1], voxels["G"].T)
    assert (image.voxels[..., 0] == 7).all()
    assert peek(tmp_path / "a.nii").dtype == "uint8"
    assert peek(tmp_path / "a.nii").channels == 3


def test_pictures_are_kept_as_drawn(tmp_path: Path) -> None:
    voxels = np.arange(12, dtype=np.int16).reshape(3, 4)
    image = read_image(save(tmp_path / "a.nii.gz", voxels, affine=np.diag([-1.0, -2, 1, 1])))
    assert np.array_equal(image.voxels, voxels.T)
    assert image.spacing_mm == (2, 1)
    assert (image.affine @ (0, 3, 2, 1)).tolist() == [-2, -6, 0, 1]
    assert peek(tmp_path / "a.nii.gz").shape == (4, 3)


def test_a_volume_of_one_slice_stays_a_volume(tmp_path: Path) -> None:
    image = read_image(save(tmp_path / "a.nii.gz", np.ones((3, 4, 1), np.int16)))
    assert image.voxels.shape == (1, 4, 3)


def test_an_unpacked_file_with_the_packed_ending_is_read(tmp_path: Path) -> None:
    voxels = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    save(tmp_path / "a.nii", voxels).rename(tmp_path / "a.nii.gz")
    assert np.array_equal(read_image(tmp_path / "a.nii.gz").voxels, voxels.T)


def test_qform_is_used_where_there_is_no_sform(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((3, 4, 5), np.int16), None)
    turned = np.array([[0, 0, 3, 5], [2.0, 0, 0, 6], [0, 2.5, 0, 7], [0, 0, 0, 1]])
    image.set_qform(turned, code=1)
    image.set_sform(None, code=0)
    image.to_filename(tmp_path / "a.nii")
    read = read_image(tmp_path / "a.nii")
    assert read.source is not None
    assert np.allclose(read.source.affine, turned, atol=1e-5)
