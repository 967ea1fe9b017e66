import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from imedbench.io import peek, read_image, read_series, series_in


def test_nested_series_in_order(tmp_path: Path, blob: np.ndarray, write_series: Any) -> None:
    write_series(tmp_path / "b" / "deep" / "er", blob, order=[3, 1, 5, 0, 2, 4])
    write_series(tmp_path / "a", blob[:2], uid="1.2.826.0.1.3680043.8.498.2")
    (tmp_path / "a" / "notes.txt").write_text("no image")
    (tmp_path / "DICOMDIR").write_bytes(bytes(300))
    first, second = series_in(tmp_path)
    assert (len(first.paths), len(second.paths)) == (2, 6)
    assert (second.uid, second.description, second.modality, second.patient_id) == (
        "1.2.826.0.1.3680043.8.498.1",
        "axial",
        "CT",
        "P1",
    )
    heights = [float(pydicom.dcmread(path).ImagePositionPatient[2]) for path in second.paths]
    assert heights == sorted(heights)


def test_several_series_in_one_folder(tmp_path: Path, blob: np.ndarray, write_series: Any) -> None:
    for number in (1, 2, 3):
        for path in write_series(tmp_path / "x", blob[:number], uid=f"1.2.{number}"):
            path.rename(tmp_path / f"{number}{path.name}")
    assert sorted(len(found.paths) for found in series_in(tmp_path)) == [1, 2, 3]


def test_copies_count_once(tmp_path: Path, blob: np.ndarray, write_series: Any) -> None:
    for path in write_series(tmp_path, blob):
        shutil.copy(path, path.with_name(f"copy of {path.name}"))
    assert len(series_in(tmp_path)[0].paths) == 6
    assert read_image(tmp_path).grid == (6, 20, 16)


def test_a_series_spread_over_folders(tmp_path: Path, blob: np.ndarray, write_series: Any) -> None:
    for number, path in enumerate(write_series(tmp_path / "x", blob)):
        (tmp_path / str(number)).mkdir()
        path.rename(tmp_path / str(number) / "slice.dcm")
    (found,) = series_in(tmp_path)
    assert len(found.paths) == 6


def test_taken_identifiers(tmp_path: Path, blob: np.ndarray, write_series: Any) -> None:
    def anonymise(dataset: Any, _: int) -> None:
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.SeriesInstanceUID = dataset.SOPInstanceUID = dataset.PatientID = ""

    write_series(tmp_path / "a", blob, change=anonymise)
    write_series(tmp_path / "b", blob, change=anonymise)
    assert [(found.uid, len(found.paths)) for found in series_in(tmp_path)] == [("", 6), ("", 6)]


def test_what_is_no_image_is_left_out(tmp_path: Path, blob: np.ndarray, write_series: Any) -> None:
    def relabel(dataset: Any, index: int) -> None:
        dataset.Modality = ("SEG", "RTSTRUCT", "SR", "RTDOSE")[index]

    write_series(tmp_path / "other", blob[:4], uid="1.2.9", change=relabel)
    write_series(tmp_path / "ct", blob)
    (found,) = series_in(tmp_path)
    assert found.modality == "CT"


def test_slices_without_position_go_by_number(tmp_path: Path, blob: np.ndarray, write_series: Any) -> None:
    def lose(dataset: Any, _: int) -> None:
        del dataset.ImagePositionPatient

    write_series(tmp_path, blob, order=[3, 1, 5, 0, 2, 4], change=lose)
    (found,) = series_in(tmp_path)
    assert [int(pydicom.dcmread(path).InstanceNumber) for path in found.paths] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("left", [0, 200, 420, 700])
def test_a_damaged_slice_is_not_lost_in_silence(
    tmp_path: Path, blob: np.ndarray, write_series: Any, refused: Any, left: int
) -> None:
    """The last slice of a series leaves no gap behind."""
    last = write_series(tmp_path, blob)[-1]
    last.write_bytes(last.read_bytes()[:left])
    for series in series_in(tmp_path):
        with refused(last, "is empty|is truncated|is a damaged DICOM file|is not a DICOM file"):
            read_series(series)
    with refused(last, "."):
        read_image(tmp_path)
    with refused(last, "."):
        peek(tmp_path)
    last.rename(tmp_path / ".hidden.dcm")
    assert read_image(tmp_path).grid == (5, 20, 16)


def test_a_folder_of_damaged_slices(tmp_path: Path, refused: Any) -> None:
    (tmp_path / "a.dcm").write_bytes(b"nothing" * 50)
    with refused(tmp_path / "a.dcm", "is not a DICOM file"):
        read_image(tmp_path)
