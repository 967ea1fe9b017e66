from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from imedbench.io import peek, read_image, read_series, series_in

DECODED = {"deflated": "1.2.840.10008.1.2.1.99", "implicit": "1.2.840.10008.1.2", "big endian": "1.2.840.10008.1.2.2"}


def upright(voxels: np.ndarray) -> np.ndarray:
    """Axial (slice, row, column) as RAS."""
    return voxels[:, ::-1, ::-1]


def test_a_shuffled_series(tmp_path: Path, blob: np.ndarray, write_series: Any) -> None:
    write_series(tmp_path, blob, order=[3, 5, 0, 4, 2, 1], intercept=-1000)
    image, header = read_image(tmp_path), peek(tmp_path)
    assert np.array_equal(image.voxels, upright(blob.astype(int) - 1000))
    assert image.voxels.dtype == np.int16
    assert image.modality == "ct"
    assert image.spacing_mm == pytest.approx((3, 1.5, 1.25)) == header.spacing_mm
    assert header.shape == image.grid
    # The first pixel of the first slice is at (-10, -20, -30) in LPS.
    assert np.allclose(image.affine @ (0, 19, 15, 1), (10, 20, -30, 1))


def test_slope_of_each_slice(tmp_path: Path, blob: np.ndarray, write_series: Any) -> None:
    def scale(dataset: Any, index: int) -> None:
        dataset.RescaleSlope = 0.25 * (index + 1)

    write_series(tmp_path, blob, change=scale)
    image = read_image(tmp_path)
    assert image.voxels.dtype == np.float32
    assert np.allclose(image.voxels, upright(blob * 0.25 * np.arange(1, 7)[:, None, None]))
    assert peek(tmp_path).dtype == "float32"


@pytest.mark.parametrize("modality", ["CT", "PT", "DX"])
def test_dark_bones(tmp_path: Path, write_series: Any, modality: str) -> None:
    voxels = np.random.default_rng(0).integers(0, 4096, (1, 5, 6)).astype(np.uint16)

    def invert(dataset: Any, _: int) -> None:
        dataset.PhotometricInterpretation, dataset.Modality = "MONOCHROME1", modality
        dataset.BitsStored, dataset.HighBit = 12, 11

    (path,) = write_series(tmp_path, voxels, change=invert)
    expected = 4095 - voxels[0].astype(int) if modality == "DX" else voxels[0]
    assert np.array_equal(read_image(path).voxels, expected)
    assert read_image(path).modality == {"CT": "ct", "PT": "pet", "DX": "xray"}[modality]


def test_a_single_slice_is_a_picture_kept_as_drawn(tmp_path: Path, blob: np.ndarray, write_series: Any) -> None:
    (path,) = write_series(tmp_path, blob[:1])
    for where in (path, tmp_path):
        image = read_image(where)
        assert np.array_equal(image.voxels, blob[0])
        assert image.spacing_mm == pytest.approx((1.5, 1.25))
        assert peek(where).shape == (20, 16)
    assert np.allclose(read_image(path).affine @ (0, 2, 4, 1), (10 - 4 * 1.25, 20 - 2 * 1.5, -30, 1))


def test_a_picture_without_place(tmp_path: Path, write_series: Any) -> None:
    def lose(dataset: Any, _: int) -> None:
        del dataset.ImagePositionPatient, dataset.ImageOrientationPatient, dataset.PixelSpacing
        dataset.ImagerPixelSpacing, dataset.Modality = [0.2, 0.1], "DX"

    (path,) = write_series(tmp_path, np.ones((1, 5, 6), np.uint16), change=lose)
    image = read_image(path)
    assert image.spacing_mm == (0.2, 0.1)
    assert image.source is None


def test_colour(tmp_path: Path, write_series: Any) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (5, 6, 3)).astype(np.uint8)

    def paint(dataset: Any, _: int) -> None:
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
        dataset.PixelData, dataset.Modality = pixels.tobytes(), "OP"

    (path,) = write_series(tmp_path, np.zeros((1, 5, 6), np.uint8), change=paint)
    image = read_image(path)
    assert np.array_equal(image.voxels, pixels)
    assert (image.modality, len(image.channels), peek(path).channels) == ("fundus", 3, 3)


def test_palette(tmp_path: Path, write_series: Any) -> None:
    numbers = np.random.default_rng(0).integers(0, 256, (1, 5, 6)).astype(np.uint8)
    table = np.random.default_rng(1).integers(0, 256, (256, 3)).astype(np.uint8)

    def paint(dataset: Any, _: int) -> None:
        dataset.PhotometricInterpretation = "PALETTE COLOR"
        for channel, colour in enumerate(("Red", "Green", "Blue")):
            setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 8])
            setattr(dataset, f"{colour}PaletteColorLookupTableData", table[:, channel].tobytes())

    (path,) = write_series(tmp_path, numbers, change=paint)
    assert np.array_equal(read_image(path).voxels, table[numbers[0]])
    assert peek(path).channels == 3


def enhanced(path: Path, voxels: np.ndarray, order: list[int], slopes: list[float], *, shared: bool) -> None:
    """A multi-frame CT whose frames stand in ``order``, with places in the frames and the rest shared or not."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import EnhancedCTImageStorage, ExplicitVRLittleEndian

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality = EnhancedCTImageStorage, "1.2.3", "CT"
    dataset.SeriesInstanceUID, dataset.NumberOfFrames = "1.2.4", len(voxels)
    dataset.Rows, dataset.Columns = voxels.shape[1:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 1
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelData = voxels[order].tobytes()
    dataset["PixelData"].VR = "OW"
    common = Dataset()
    frames = [Dataset() for _ in order]
    for group in [common] if shared else frames:
        measures, direction = Dataset(), Dataset()
        measures.PixelSpacing, measures.SliceThickness = [1.5, 1.25], 3
        direction.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        group.PixelMeasuresSequence, group.PlaneOrientationSequence = [measures], [direction]
    for frame, index, slope in zip(frames, order, slopes, strict=True):
        place, scale = Dataset(), Dataset()
        place.ImagePositionPatient = [-10, -20, -30 + 3 * index]
        scale.RescaleSlope, scale.RescaleIntercept, scale.RescaleType = slope, -5, "HU"
        frame.PlanePositionSequence, frame.PixelValueTransformationSequence = [place], [scale]
    dataset.SharedFunctionalGroupsSequence, dataset.PerFrameFunctionalGroupsSequence = [common], frames
    dataset.save_as(path, enforce_file_format=True)


@pytest.mark.parametrize("shared", [False, True])
def test_multi_frame_volumes(tmp_path: Path, blob: np.ndarray, write_series: Any, shared: bool) -> None:
    order = [2, 0, 5, 1, 4, 3]
    enhanced(tmp_path / "a.dcm", blob, order, [1 + index for index in order], shared=shared)
    write_series(tmp_path / "single", blob)
    image, single = read_image(tmp_path / "a.dcm"), read_image(tmp_path / "single")
    assert np.array_equal(image.voxels, upright(blob * np.arange(1, 7)[:, None, None] - 5))
    assert np.allclose(image.affine, single.affine)
    assert peek(tmp_path / "a.dcm").shape == image.grid
    assert len(series_in(tmp_path)) == 2


def test_frames_of_a_film(tmp_path: Path, write_series: Any, refused: Any) -> None:
    def film(dataset: Any, _: int) -> None:
        dataset.NumberOfFrames, dataset.PixelData, dataset.Modality = 4, bytes(4 * 5 * 6), "US"
        del dataset.ImagePositionPatient, dataset.ImageOrientationPatient

    (path,) = write_series(tmp_path, np.zeros((1, 5, 6), np.uint8), change=film)
    with refused(path, "has 4 of 4 frames without position"):
        read_image(path)


def test_frames_that_are_not_all_described(tmp_path: Path, blob: np.ndarray, refused: Any) -> None:
    enhanced(tmp_path / "a.dcm", blob, list(range(6)), [1.0] * 6, shared=True)
    dataset = pydicom.dcmread(tmp_path / "a.dcm")
    dataset.PerFrameFunctionalGroupsSequence.pop()
    dataset.save_as(tmp_path / "a.dcm")
    with refused(tmp_path / "a.dcm", "describes 5 frames but holds 6"):
        read_image(tmp_path / "a.dcm")


def test_several_series(tmp_path: Path, blob: np.ndarray, write_series: Any, refused: Any) -> None:
    write_series(tmp_path / "one", blob)
    write_series(tmp_path / "two", blob[:4], uid="1.2.826.0.1.3680043.8.498.2")
    with refused(tmp_path, r"holds 2 DICOM series \(with so many files\): axial \(6\), axial \(4\)"):
        read_image(tmp_path)
    first, second = series_in(tmp_path)
    assert read_series(first).grid == (6, 20, 16)
    assert read_series(second, modality="mr").modality == "mr"


def test_planning_views_are_passed_over(tmp_path: Path, blob: np.ndarray, write_series: Any) -> None:
    def plan(dataset: Any, _: int) -> None:
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

    write_series(tmp_path / "scan", blob)
    write_series(tmp_path / "plan", blob[:1], uid="1.2.826.0.1.3680043.8.498.2", change=plan)
    assert read_image(tmp_path).grid == (6, 20, 16)
    assert read_image(tmp_path / "plan").grid == (20, 16)


def test_slices_of_different_size(tmp_path: Path, blob: np.ndarray, write_series: Any, refused: Any) -> None:
    write_series(tmp_path / "a", blob[:3])
    write_series(tmp_path / "b", blob[:, :10], order=[3, 4, 5])
    with refused(tmp_path, r"different size, \(10, 16\) and \(20, 16\)"):
        read_image(tmp_path)


@pytest.mark.parametrize("encoding", DECODED)
def test_encodings_of_the_dataset(tmp_path: Path, blob: np.ndarray, write_series: Any, encoding: str) -> None:
    paths = write_series(tmp_path, blob)
    for path in paths:
        dataset = pydicom.dcmread(path)
        if encoding == "big endian":
            dataset.PixelData = dataset.pixel_array.astype(">i2").tobytes()
        dataset.file_meta.TransferSyntaxUID = DECODED[encoding]
        little, implicit = encoding != "big endian", encoding == "implicit"
        pydicom.dcmwrite(path, dataset, little_endian=little, implicit_vr=implicit, enforce_file_format=True)
    assert np.array_equal(read_image(tmp_path).voxels, upright(blob))


@pytest.mark.parametrize("encoding", ["implicit", "explicit"])
def test_files_without_preamble(tmp_path: Path, blob: np.ndarray, write_series: Any, encoding: str) -> None:
    for path in write_series(tmp_path, blob):
        dataset = pydicom.dcmread(path)
        if encoding == "implicit":
            dataset.file_meta.TransferSyntaxUID = DECODED["implicit"]
        pydicom.dcmwrite(path, dataset, implicit_vr=encoding == "implicit", little_endian=True)
        whole = path.read_bytes()
        path.unlink()
        # The dataset begins with its image type; preamble, signature and file meta information go.
        path.with_suffix("").write_bytes(whole[whole.index(b"\x08\0\x08\0") :])
    assert np.array_equal(read_image(tmp_path).voxels, upright(blob))
