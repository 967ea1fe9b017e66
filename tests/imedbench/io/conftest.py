"""Small raw files, written on the spot."""

import gzip
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import nibabel as nib
import numpy as np
import pytest

from imedbench.errors import BadInput, printable

Change = Callable[[Any, int], None]


class SeriesWriter(Protocol):
    def __call__(self, folder: Path, voxels: np.ndarray, **settings: Any) -> list[Path]: ...


@pytest.fixture
def blob() -> np.ndarray:
    """(6, 20, 16) int16: noise with an object that no flip or turn maps onto itself."""
    voxels = np.random.default_rng(7).integers(-100, 100, (6, 20, 16)).astype(np.int16)
    voxels[1:5, 4:15, 3:7] += 500
    voxels[1:3, 4:8, 3:13] += 700
    return voxels


@pytest.fixture
def solid() -> np.ndarray:
    """(6, 20, 16) bool: an L with a foot, unlike each of its mirror images."""
    mask = np.zeros((6, 20, 16), bool)
    mask[1:5, 3:17, 2:7] = True
    mask[1:5, 3:9, 2:14] = True
    mask[1:2, 12:17, 2:12] = True
    return mask


@pytest.fixture(scope="session")
def write_series() -> SeriesWriter:
    """Writes (slice, row, column) voxels as a CT series; ``change(dataset, slice)`` may spoil each file."""
    return _write_series


def _write_series(
    folder: Path,
    voxels: np.ndarray,
    *,
    spacing_mm: Sequence[float] = (3.0, 1.5, 1.25),
    orientation: Sequence[float] = (1, 0, 0, 0, 1, 0),
    origin: Sequence[float] = (-10.0, -20.0, -30.0),
    intercept: float = 0,
    slope: float = 1,
    uid: str = "1.2.826.0.1.3680043.8.498.1",
    syntax: str = "",
    order: Sequence[int] | None = None,
    change: Change | None = None,
) -> list[Path]:
    from pydicom.uid import ExplicitVRLittleEndian

    folder.mkdir(parents=True, exist_ok=True)
    directions = np.array(orientation, float)
    across = np.cross(directions[:3], directions[3:])
    paths = []
    for place, index in enumerate(order if order is not None else range(len(voxels))):
        dataset = _ct_slice(voxels[index], uid, index)
        dataset.ImagePositionPatient = [round(x, 6) for x in np.array(origin) + across * spacing_mm[0] * index]
        dataset.ImageOrientationPatient = [round(x, 9) for x in directions]
        dataset.PixelSpacing = [spacing_mm[1], spacing_mm[2]]
        dataset.SliceThickness = spacing_mm[0]
        dataset.RescaleIntercept, dataset.RescaleSlope = intercept, slope
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        if syntax:
            dataset.compress(syntax, generate_instance_uid=False)
        if change is not None:
            change(dataset, index)
        paths.append(folder / f"{place:03d}.dcm")
        dataset.save_as(paths[-1], enforce_file_format=True)
    return paths


def _ct_slice(plane: np.ndarray, uid: str, index: int) -> Any:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, f"{uid}.1.{index + 1}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = f"{uid}.2", uid, f"{uid}.3"
    dataset.PatientID, dataset.PatientName, dataset.PatientSex, dataset.PatientBirthDate = "P1", "A^B", "O", "19700101"
    dataset.StudyID, dataset.StudyDate, dataset.StudyTime, dataset.AccessionNumber = "1", "20200101", "120000", "1"
    dataset.ReferringPhysicianName, dataset.Manufacturer = "C^D", "imedbench"
    dataset.Modality, dataset.SeriesDescription, dataset.SeriesNumber = "CT", "axial", 1
    dataset.InstanceNumber, dataset.ImageType = index + 1, ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.Rows, dataset.Columns = plane.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8 * plane.dtype.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(plane.dtype.kind == "i")
    dataset.PixelData = np.ascontiguousarray(plane).tobytes()
    dataset["PixelData"].VR = "OW" if plane.dtype.itemsize > 1 else "OB"
    return dataset


@pytest.fixture(scope="session")
def refused() -> Callable[..., Any]:
    """``with refused(path, "part of the fact"):`` holds a BadInput of one sentence: file, fact, remedy."""
    return _refused


@contextmanager
def _refused(path: Path, fact: str) -> Iterator[None]:
    with pytest.raises(BadInput) as caught:
        yield
    problem = caught.value
    sentence = str(problem)
    assert sentence == f"{printable(path)}: {problem.fact}; {problem.remedy}."
    assert re.search(fact, problem.fact), sentence
    assert problem.remedy
    body = sentence.removeprefix(printable(path))
    assert "\n" not in sentence
    assert ". " not in body
    assert not problem.fact.endswith((".", ";", ":"))
    sentence.encode("utf-8")


@pytest.fixture
def nifti(tmp_path: Path) -> Callable[..., Path]:
    """Writes a NIfTI whose raw header fields can be spoiled."""

    def write(name: str = "a.nii.gz", voxels: np.ndarray | None = None, affine: Any = None, **fields: Any) -> Path:
        voxels = np.random.default_rng(0).integers(0, 50, (5, 6, 7)).astype(np.int16) if voxels is None else voxels
        image = nib.Nifti1Image(voxels, np.diag([2, 3, 4, 1]) if affine is None else affine)
        block = bytearray(image.to_bytes())
        header = image.header_class.template_dtype.fields
        for field, (value, index) in fields.items():
            dtype, offset = header[field][:2]
            base = dtype.base
            block[offset + index * base.itemsize : offset + (index + 1) * base.itemsize] = np.array(
                value, base
            ).tobytes()
        path = tmp_path / name
        path.write_bytes(gzip.compress(bytes(block)) if name.endswith(".gz") else bytes(block))
        return path

    return write
