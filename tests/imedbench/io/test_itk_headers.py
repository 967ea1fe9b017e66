from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from imedbench.io.itk_headers import checked_header


@pytest.fixture
def voxels() -> np.ndarray:
    return np.arange(24, dtype=np.int16).reshape(4, 3, 2)


@pytest.mark.parametrize("suffix", ["nrrd", "mha"])
def test_headers(tmp_path: Path, voxels: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    itk = sitk.GetImageFromArray(voxels)
    itk.SetSpacing((1.5, 2, 3))
    sitk.WriteImage(itk, str(path))
    header = checked_header(path)
    assert header.sizes == (2, 3, 4)
    assert header.dtype == np.int16
    assert header.steps_mm == pytest.approx((1.5, 2, 3))
    assert header.data_file is None
    assert path.stat().st_size == header.offset + voxels.nbytes


@pytest.mark.parametrize(
    ("suffix", "old", "new", "fact"),
    [
        ("nrrd", "sizes: 2 3 4", "sizes: 2 x 4", "sizes '2 x 4', which are not whole numbers"),
        ("nrrd", "sizes: 2 3 4", "sizes: 2 0 4", r"shape \(2, 0, 4\), which holds no voxel"),
        ("nrrd", "type: short", "type: block", "voxel type 'block'"),
        ("nrrd", "encoding: raw", "encoding: zstd", "unknown encoding 'zstd'"),
        ("nrrd", "(1,0,0)", "(0,0,0)", "has a spacing"),
        ("nrrd", "(1,0,0)", "(1,a,0)", "spacing that is no number"),
        ("nrrd", "NRRD0004", "NIRD0004", "lacks the signature"),
        ("mha", "DimSize = 2 3 4", "DimSize = 2 3 -4", "holds no voxel"),
        ("mha", "DimSize = 2 3 4", "DimSize = 2 3 5", "declares 60 bytes but only 48 bytes"),
        ("mha", "MET_SHORT", "MET_OTHER", "voxel type 'MET_OTHER'"),
        ("mha", "ElementSpacing = 1 1 1", "ElementSpacing = 1 -1 1", r"spacing of \(1, -1, 1\) mm"),
        ("mha", "ElementSpacing = 1 1 1", "ElementSpacing = 1 y 1", "value that is no number"),
        ("mha", "ElementDataFile", "ElementFile", "names no ElementDataFile"),
        ("mha", "ElementDataFile = LOCAL", "ElementDataFile = LIST", "over several files"),
    ],
)
def test_refusals(tmp_path: Path, voxels: np.ndarray, refused: Any, suffix: str, old: str, new: str, fact: str) -> None:
    path = tmp_path / f"a.{suffix}"
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(path))
    whole = path.read_bytes()
    assert old.encode() in whole
    path.write_bytes(whole.replace(old.encode(), new.encode(), 1))
    with refused(path, fact):
        checked_header(path)


@pytest.mark.parametrize("suffix", ["nhdr", "mhd"])
def test_voxels_that_are_not_beside_their_header(tmp_path: Path, voxels: np.ndarray, refused: Any, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(path))
    data = next(name for name in tmp_path.iterdir() if name != path)
    assert checked_header(path).data_file == data
    data.unlink()
    with refused(data, "does not exist"):
        checked_header(path)
