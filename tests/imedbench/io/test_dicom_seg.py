from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from imedbench.io import read_dicom_seg, read_image

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom", "ignore::UserWarning:highdicom")


def write_seg(path: Path, slices: list[Path], pixels: np.ndarray, labels: list[str], **settings: Any) -> None:
    """``pixels`` (slice, row, column[, segment]), in the order of ``slices``."""
    import highdicom as hd
    from highdicom.seg import Segmentation, SegmentationTypeValues, SegmentDescription
    from pydicom.sr.codedict import codes

    algorithm = hd.AlgorithmIdentificationSequence("hand", codes.DCM.ArtificialIntelligence, "1")
    descriptions = [
        SegmentDescription(number, label, codes.SCT.Organ, codes.SCT.Liver, "AUTOMATIC", algorithm)
        for number, label in enumerate(labels, start=1)
    ]
    Segmentation(
        [pydicom.dcmread(name) for name in slices],
        pixels,
        settings.pop("kind", SegmentationTypeValues.BINARY),
        descriptions,
        series_instance_uid=hd.UID(),
        series_number=2,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="imedbench",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
        **settings,
    ).save_as(path)


@pytest.fixture
def series(tmp_path: Path, blob: np.ndarray, write_series: Any) -> list[Path]:
    return write_series(tmp_path / "ct", blob, order=[3, 0, 5, 1, 4, 2])


def in_order(slices: list[Path]) -> list[Path]:
    return sorted(slices, key=lambda name: float(pydicom.dcmread(name).ImagePositionPatient[2]))


def on_image(mask: np.ndarray) -> np.ndarray:
    """Axial (slice, row, column) of DICOM as RAS: rows run to the back and columns to the left."""
    return mask[:, ::-1, ::-1]


def test_binary_segments_come_back_unflipped(tmp_path: Path, series: list[Path], solid: np.ndarray) -> None:
    other = np.zeros_like(solid)
    other[4, 0, 1:3] = True
    write_seg(tmp_path / "seg.dcm", in_order(series), np.stack([solid, other], -1).astype(np.uint8), ["liver", "cyst"])
    image = read_image(tmp_path / "ct")
    masks = read_dicom_seg(tmp_path / "seg.dcm", image)
    assert masks.targets == ("liver", "cyst")
    assert np.array_equal(masks["liver"], on_image(solid))
    assert np.array_equal(masks["cyst"], on_image(other))


def test_frames_are_placed_by_geometry_not_by_order(tmp_path: Path, series: list[Path], solid: np.ndarray) -> None:
    backwards = in_order(series)[::-1]
    write_seg(tmp_path / "seg.dcm", backwards, solid[::-1].astype(np.uint8), ["liver"], omit_empty_frames=True)
    masks = read_dicom_seg(tmp_path / "seg.dcm", read_image(tmp_path / "ct"), {"liver": "organ"})
    assert np.array_equal(masks["organ"], on_image(solid))


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_kinds(tmp_path: Path, series: list[Path], solid: np.ndarray, kind: str) -> None:
    pixels = solid.astype(np.float32) * 0.7 + 0.1 if kind == "FRACTIONAL" else solid.astype(np.uint8)
    write_seg(tmp_path / "seg.dcm", in_order(series), pixels, ["liver"], kind=kind)
    masks = read_dicom_seg(tmp_path / "seg.dcm", read_image(tmp_path / "ct"))
    assert np.array_equal(masks["liver"], on_image(solid))


def test_rows_of_odd_length(tmp_path: Path, blob: np.ndarray, solid: np.ndarray, write_series: Any) -> None:
    slices = write_series(tmp_path / "ct", blob[:, :19, :13])
    write_seg(tmp_path / "seg.dcm", slices, solid[:, :19, :13].astype(np.uint8), ["liver"])
    masks = read_dicom_seg(tmp_path / "seg.dcm", read_image(tmp_path / "ct"))
    assert np.array_equal(masks["liver"], on_image(solid[:, :19, :13]))


@pytest.mark.parametrize("orientation", [(1, 0, 0, 0, 0, -1), (0, 1, 0, 0, 0, -1), (0.6, 0.8, 0, -0.8, 0.6, 0)])
def test_other_planes(
    tmp_path: Path, blob: np.ndarray, solid: np.ndarray, write_series: Any, orientation: tuple[float, ...]
) -> None:
    slices = write_series(tmp_path / "ct", blob, orientation=orientation)
    write_seg(tmp_path / "seg.dcm", slices, solid.astype(np.uint8), ["liver"])
    image = read_image(tmp_path / "ct")
    masks = read_dicom_seg(tmp_path / "seg.dcm", image)
    assert image.source is not None
    assert np.array_equal(image.source.to_source(masks["liver"]), solid.transpose(2, 1, 0))


def test_equal_labels_are_instances_and_joined_names_one_mask(
    tmp_path: Path, series: list[Path], solid: np.ndarray
) -> None:
    parts = np.stack([solid & (np.arange(20)[:, None] % 3 == part) for part in range(3)], -1)
    write_seg(tmp_path / "a.dcm", in_order(series), parts.astype(np.uint8), ["node", "node", "node"])
    image = read_image(tmp_path / "ct")
    assert [(mask.target, mask.instance) for mask in read_dicom_seg(tmp_path / "a.dcm", image).infos] == [
        ("node", 1),
        ("node", 2),
        ("node", 3),
    ]
    write_seg(tmp_path / "b.dcm", in_order(series), parts.astype(np.uint8), ["upper", "middle", "skin"])
    joined = read_dicom_seg(tmp_path / "b.dcm", image, {"upper": "lung", "middle": "lung", "skin": ""})
    assert [(mask.target, mask.instance) for mask in joined.infos] == [("lung", 0)]
    assert np.array_equal(joined[0], on_image(parts[..., 0] | parts[..., 1]))


def test_refusals(tmp_path: Path, blob: np.ndarray, solid: np.ndarray, write_series: Any, refused: Any) -> None:
    slices = write_series(tmp_path / "ct", blob)
    path = tmp_path / "seg.dcm"
    write_seg(path, slices, solid.astype(np.uint8), ["liver"])
    image = read_image(tmp_path / "ct")
    with refused(path, "segments 'liver', which the recipe does not name"):
        read_dicom_seg(path, image, {"spleen": "spleen"})
    with refused(slices[0], "of modality CT and no SEG"):
        read_dicom_seg(slices[0], image)
    write_series(tmp_path / "coarse", blob, spacing_mm=(3, 3, 2.5))
    with refused(path, r"not on the image's grid.*\(1\.5, 1\.25\) mm where the image has \(3, 3, 2\.5\)"):
        read_dicom_seg(path, read_image(tmp_path / "coarse"))
    write_series(tmp_path / "above", blob, origin=(-10, -20, 30))
    with refused(path, "lies outside its image"):
        read_dicom_seg(path, read_image(tmp_path / "above"))
    write_seg(path, slices, np.zeros_like(solid, np.uint8), ["liver"], omit_empty_frames=False)
    with refused(path, "empty label"):
        read_dicom_seg(path, image)
