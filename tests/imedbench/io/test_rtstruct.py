from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from imedbench.io import read_image, read_rtstruct

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom", "ignore::DeprecationWarning:pydicom")


def write_structures(path: Path, folder: Path, masks: dict[str, np.ndarray]) -> None:
    """Masks are (slice, row, column) in the order of positions."""
    rt_utils = pytest.importorskip(
        "rt_utils", reason="needs rt-utils, which brings an OpenCV that wants a display: pip install --no-deps rt-utils"
    )
    structures = rt_utils.RTStructBuilder.create_new(dicom_series_path=str(folder))
    slices = [float(one.ImagePositionPatient[2]) for one in structures.series_data]
    for name, mask in masks.items():
        # rt-utils has its slices in its own order, whatever that is.
        turned = mask[np.argsort(np.argsort(slices))]
        structures.add_roi(mask=turned.transpose(1, 2, 0), name=name)
    structures.save(str(path))


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return 2 * float((one & other).sum()) / float(one.sum() + other.sum())


@pytest.fixture
def large() -> np.ndarray:
    """(6, 80, 64) bool with a hole and a notch, unlike its mirror images."""
    mask = np.zeros((6, 80, 64), bool)
    mask[0:4, 10:65, 8:30] = True
    mask[0:4, 10:30, 8:56] = True
    mask[0, 50:65, 8:50] = True
    mask[2:4, 14:24, 12:24] = False
    return mask


@pytest.fixture
def folder(tmp_path: Path, large: np.ndarray, write_series: Any) -> Path:
    voxels = np.random.default_rng(0).integers(0, 100, large.shape).astype(np.int16)
    write_series(tmp_path / "ct", voxels, order=[2, 0, 5, 4, 1, 3])
    return tmp_path / "ct"


def test_structures_of_rt_utils_come_back_unflipped(tmp_path: Path, large: np.ndarray, write_series: Any) -> None:
    # rt-utils takes the steps between rows for those between columns, so only square pixels can be compared.
    folder, small = tmp_path / "square", np.zeros_like(large)
    write_series(folder, large.astype(np.int16), spacing_mm=(3, 1.25, 1.25), order=[2, 0, 5, 4, 1, 3])
    small[3, 60:72, 40:60] = True
    write_structures(tmp_path / "rt.dcm", folder, {"liver": large, "node": small})
    masks = read_rtstruct(tmp_path / "rt.dcm", folder, read_image(folder))
    assert masks.targets == ("liver", "node")
    truth = large[:, ::-1, ::-1]
    assert dice(masks["liver"], truth) > 0.97
    assert dice(masks["node"], small[:, ::-1, ::-1]) > 0.95
    assert max(dice(masks["liver"], np.flip(truth, axis)) for axis in range(3)) < 0.9
    assert not masks["liver"][2:4, 80 - 22 : 80 - 16, 64 - 22 : 64 - 14].any()


def contour(points: list[tuple[float, float, float]], kind: str = "CLOSED_PLANAR") -> Any:
    item = pydicom.Dataset()
    item.ContourGeometricType, item.NumberOfContourPoints = kind, len(points)
    item.ContourData = [value for point in points for value in point]
    return item


def save(path: Path, rois: list[tuple[str, list[Any]]], frame: str = "1.2.826.0.1.3680043.8.498.1.3") -> Path:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage

    structures = pydicom.Dataset()
    structures.file_meta = FileMetaDataset()
    structures.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    structures.SOPClassUID, structures.SOPInstanceUID, structures.Modality = RTStructureSetStorage, "1.2.3", "RTSTRUCT"
    structures.StructureSetROISequence, structures.ROIContourSequence = [], []
    for number, (name, contours) in enumerate(rois, start=1):
        roi, drawn = pydicom.Dataset(), pydicom.Dataset()
        roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = number, name, frame
        drawn.ReferencedROINumber, drawn.ContourSequence = number, contours
        structures.StructureSetROISequence.append(roi)
        structures.ROIContourSequence.append(drawn)
    structures.save_as(path, enforce_file_format=True)
    return path


def square(low: tuple[float, float], high: tuple[float, float], z: float) -> Any:
    """Corners in LPS mm."""
    (x0, y0), (x1, y1) = low, high
    return contour([(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)])


def test_contours_are_placed_in_millimetres(tmp_path: Path, folder: Path) -> None:
    """Columns are 1.25 mm from -10, rows 1.5 mm from -20, slices 3 mm from -30; half a pixel around columns 4 to 7."""
    outer = square((-10 + 1.25 * 3.5, -20 + 1.5 * 9.5), (-10 + 1.25 * 7.5, -20 + 1.5 * 19.5), -24)
    path = save(tmp_path / "rt.dcm", [("liver", [outer])])
    masks = read_rtstruct(path, folder, read_image(folder))
    expected = np.zeros((6, 80, 64), bool)
    expected[2, 10:20, 4:8] = True
    assert np.array_equal(masks["liver"], expected[:, ::-1, ::-1])


def test_inner_contours_are_holes_and_open_ones_ignored(tmp_path: Path, folder: Path) -> None:
    outer, inner = square((-8, -15), (20, 40), -27), square((0, 0), (10, 20), -27)
    line = contour([(-8, -15, -27), (30, 40, -27)], "OPEN_PLANAR")
    path = save(tmp_path / "rt.dcm", [("ring", [outer, inner, line]), ("full", [outer]), ("line", [line])])
    masks = read_rtstruct(path, folder, read_image(folder))
    assert masks.targets == ("ring", "full")
    image = read_image(folder)
    centre = np.linalg.inv(image.affine) @ (-5, -10, -27, 1)
    at = tuple(np.rint(centre[:3]).astype(int))
    assert masks["full"][at]
    assert not masks["ring"][at]


def test_coronal_slices(tmp_path: Path, blob: np.ndarray, write_series: Any) -> None:
    write_series(tmp_path / "ct", blob, orientation=(1, 0, 0, 0, 0, -1))
    image = read_image(tmp_path / "ct")
    assert image.source is not None
    # Slices lie along +y from -20 in steps of 3; rows go down from -30 in steps of 1.5.
    points = [(-10 + 1.25 * i, -20 + 3 * 2, -30 - 1.5 * j) for i, j in [(3, 4), (8, 4), (8, 15), (3, 15)]]
    masks = read_rtstruct(save(tmp_path / "rt.dcm", [("a", [contour(points)])]), tmp_path / "ct", image)
    expected = np.zeros((16, 20, 6), bool)
    expected[3:9, 4:16, 2] = True
    assert np.array_equal(image.source.to_source(masks["a"]), expected)


def test_refusals(tmp_path: Path, folder: Path, refused: Any) -> None:
    image, path = read_image(folder), tmp_path / "rt.dcm"
    save(path, [("a", [square((0, 0), (9, 9), -27)])], frame="1.9.9")
    with refused(path, r"frame of reference 1\.9\.9 where the series has 1\.2\.826"):
        read_rtstruct(path, folder, image)
    save(path, [("a", [square((0, 0), (9, 9), -25.5)])])
    with refused(path, "between the image's slices"):
        read_rtstruct(path, folder, image)
    save(path, [("a", [square((0, 0), (9, 9), 30)])])
    with refused(path, "on slice 20 along axis 0 of an image with 6"):
        read_rtstruct(path, folder, image)
    save(path, [("a", [square((0, 0), (9, 9), -27)])])
    with refused(path, "structures 'a', which the recipe does not name"):
        read_rtstruct(path, folder, image, {"b": "b"})
    save(path, [("a", [])])
    with refused(path, "empty label"):
        read_rtstruct(path, folder, image)
    with refused(folder / "000.dcm", "modality CT and no RTSTRUCT"):
        read_rtstruct(folder / "000.dcm", folder, image)
