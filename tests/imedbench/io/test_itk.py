from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from imedbench.io import peek, read_image


def save(path: Path, voxels: np.ndarray, *, vector: bool = False, packed: bool = False) -> Path:
    sitk.WriteImage(sitk.GetImageFromArray(voxels, isVector=vector), str(path), useCompression=packed)
    return path


@pytest.mark.parametrize("suffix", ["nrrd", "mha", "mhd", "nhdr"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4", "f8"])
def test_types(tmp_path: Path, suffix: str, packed: bool, dtype: str) -> None:
    voxels = np.random.default_rng(0).integers(0, 99, (4, 5, 6)).astype(dtype)
    path = save(tmp_path / f"a.{suffix}", voxels, packed=packed)
    image = read_image(path)
    # ITK counts to the left and back, so both in-plane axes turn.
    assert np.array_equal(image.voxels, voxels[:, ::-1, ::-1])
    assert image.voxels.dtype == (np.float32 if dtype == "f8" else np.dtype(dtype))
    assert peek(path).dtype == np.dtype(dtype).name


@pytest.mark.parametrize("suffix", ["nrrd", "mha"])
def test_channels(tmp_path: Path, suffix: str) -> None:
    voxels = np.random.default_rng(0).integers(0, 99, (4, 5, 6, 3)).astype(np.int16)
    vector = read_image(save(tmp_path / f"v.{suffix}", voxels, vector=True))
    assert np.array_equal(vector.voxels, voxels[:, ::-1, ::-1])
    four = read_image(save(tmp_path / f"f.{suffix}", voxels.transpose(3, 0, 1, 2)))
    assert np.array_equal(four.voxels, vector.voxels)
    assert peek(tmp_path / f"v.{suffix}") == peek(tmp_path / f"f.{suffix}")


def test_pictures_are_kept_as_drawn(tmp_path: Path) -> None:
    voxels = np.arange(20, dtype=np.int16).reshape(4, 5)
    image = read_image(save(tmp_path / "a.nrrd", voxels))
    assert np.array_equal(image.voxels, voxels)
    assert peek(tmp_path / "a.nrrd").shape == (4, 5)


def test_nrrd_spaces(tmp_path: Path) -> None:
    head = "NRRD0004\ntype: short\ndimension: 3\nspace: right-anterior-superior\nsizes: 2 3 4\n"
    head += "space directions: (2,0,0) (0,3,0) (0,0,4)\nencoding: raw\nendian: little\nspace origin: (10,20,30)\n\n"
    voxels = np.arange(24, dtype="<i2").reshape(4, 3, 2)
    (tmp_path / "a.nrrd").write_bytes(head.encode() + voxels.tobytes())
    image = read_image(tmp_path / "a.nrrd")
    assert np.array_equal(image.voxels, voxels)
    assert (image.affine @ (0, 0, 0, 1)).tolist() == [10, 20, 30, 1]
    assert image.spacing_mm == (4, 3, 2)


def test_too_many_volumes(tmp_path: Path, refused) -> None:  # noqa: ANN001
    path = save(tmp_path / "a.nrrd", np.zeros((20, 3, 4, 5), np.int16))
    with refused(path, "holds 20 volumes, which is a time series"):
        read_image(path)
