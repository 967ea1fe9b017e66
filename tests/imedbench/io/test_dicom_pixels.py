"""Compressed pixels, written by pydicom, Pillow and GDCM."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from PIL import Image as PillowImage
from pydicom.encaps import encapsulate

from imedbench.io import read_image

LOSSLESS = {"RLE": "1.2.840.10008.1.2.5", "JPEG-LS": "1.2.840.10008.1.2.4.80"}
LOSSLESS_JPEG = {"1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"}


def upright(voxels: np.ndarray) -> np.ndarray:
    return voxels[:, ::-1, ::-1]


@pytest.mark.parametrize("name", LOSSLESS)
def test_what_pydicom_packs(tmp_path: Path, blob: np.ndarray, write_series: Any, name: str) -> None:
    write_series(tmp_path, blob.astype(np.uint16) + 500, syntax=LOSSLESS[name], intercept=-500)
    assert np.array_equal(read_image(tmp_path).voxels, upright(blob))


def packed(pixels: np.ndarray, kind: str, syntax: str, **settings: Any) -> Any:
    def change(dataset: Any, _: int) -> None:
        stream = io.BytesIO()
        PillowImage.fromarray(pixels).save(stream, kind, **settings)
        dataset.PixelData = encapsulate([stream.getvalue()])
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = syntax

    return change


def test_jpeg_2000(tmp_path: Path, write_series: Any) -> None:
    voxels = np.random.default_rng(0).integers(0, 60000, (1, 40, 32)).astype(np.uint16)
    change = packed(voxels[0], "JPEG2000", "1.2.840.10008.1.2.4.90", no_jp2=True)
    (path,) = write_series(tmp_path, voxels, change=change)
    assert np.array_equal(read_image(path).voxels, voxels[0])


def test_jpeg(tmp_path: Path, write_series: Any) -> None:
    smooth = np.add.outer(np.arange(40), 2 * np.arange(32)).astype(np.uint8)
    (path,) = write_series(tmp_path, smooth[None], change=packed(smooth, "JPEG", "1.2.840.10008.1.2.4.50", quality=95))
    assert np.abs(read_image(path).voxels.astype(int) - smooth).max() < 5


@pytest.mark.parametrize("signed", [False, True])
def test_lossless_jpeg_by_gdcm(tmp_path: Path, write_series: Any, signed: bool) -> None:
    """Nothing that is both free and light decodes it but GDCM; its own rescaling must not come on top of ours."""
    dtype = np.int16 if signed else np.uint16
    voxels = np.random.default_rng(0).integers(0, 4000, (3, 40, 32)).astype(dtype) - (2000 if signed else 0)
    for index, path in enumerate(write_series(tmp_path / "ct", voxels, intercept=-1024)):
        jpeg = tmp_path / "jpeg.dcm"
        writer = sitk.ImageFileWriter()
        writer.SetImageIO("GDCMImageIO")
        writer.SetUseCompression(True)
        writer.SetCompressor("JPEG")
        writer.SetFileName(str(jpeg))
        writer.Execute(sitk.GetImageFromArray(voxels[index]))
        source, dataset = pydicom.dcmread(jpeg), pydicom.dcmread(path)
        assert source.file_meta.TransferSyntaxUID in LOSSLESS_JPEG
        dataset.file_meta.TransferSyntaxUID = source.file_meta.TransferSyntaxUID
        dataset.PixelData = source.PixelData
        dataset["PixelData"].is_undefined_length = True
        dataset.BitsStored, dataset.HighBit = source.BitsStored, source.HighBit
        dataset.save_as(path)
    image = read_image(tmp_path / "ct")
    assert np.array_equal(image.voxels, upright(voxels.astype(int) - 1024))
    assert image.voxels.dtype == np.int16


@pytest.mark.parametrize("name", LOSSLESS)
def test_damaged_pixels(tmp_path: Path, blob: np.ndarray, write_series: Any, refused: Any, name: str) -> None:
    paths = write_series(tmp_path, blob.astype(np.uint16) + 500, syntax=LOSSLESS[name])
    dataset = pydicom.dcmread(paths[0])
    dataset.PixelData = encapsulate([b"\0" * 100])
    dataset.save_as(paths[0])
    with refused(paths[0], "cannot be decoded"):
        read_image(tmp_path)


def test_pixels_cut_short(tmp_path: Path, blob: np.ndarray, write_series: Any, refused: Any) -> None:
    paths = write_series(tmp_path, blob)
    dataset = pydicom.dcmread(paths[3])
    dataset.PixelData = dataset.PixelData[:-100]
    dataset.save_as(paths[3])
    with refused(paths[3], "declares 640 bytes but only 540 bytes"):
        read_image(tmp_path)


@pytest.mark.parametrize("name", ["SamplesPerPixel", "BitsAllocated", "Rows"])
def test_pixels_without_description(
    tmp_path: Path, blob: np.ndarray, write_series: Any, refused: Any, name: str
) -> None:
    def lose(dataset: Any, _: int) -> None:
        delattr(dataset, name)

    (path,) = write_series(tmp_path, blob[:1], change=lose)
    with refused(path, "lacks what describes its pixels|holds no voxel"):
        read_image(path)
