from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from imedbench.io import peek, read_image
from imedbench.io.raster import read

RNG = np.random.default_rng(0)
GREY8 = RNG.integers(0, 256, (12, 17)).astype(np.uint8)
GREY16 = RNG.integers(0, 65536, (12, 17)).astype(np.uint16)
COLOUR8 = RNG.integers(0, 256, (12, 17, 3)).astype(np.uint8)
COLOUR16 = RNG.integers(0, 65536, (12, 17, 3)).astype(np.uint16)
OPACITY8 = RNG.integers(0, 256, (12, 17, 1)).astype(np.uint8)
LOSSLESS = ["png", "tif", "bmp"]


def assert_read(path: Path, expected: np.ndarray) -> None:
    image = read_image(path)
    assert image.voxels.dtype == expected.dtype
    assert np.array_equal(image.voxels, expected)
    assert image.spacing_mm == (1, 1)
    assert len(image.channels) == (1 if expected.ndim == 2 else 3)
    header = peek(path)
    assert (header.shape, header.channels) == (expected.shape[:2], len(image.channels))
    assert (header.dtype, header.nbytes) == (expected.dtype.name, expected.nbytes)


@pytest.mark.parametrize("suffix", LOSSLESS)
@pytest.mark.parametrize("voxels", [GREY8, COLOUR8], ids=["grey", "colour"])
def test_eight_bits(tmp_path: Path, suffix: str, voxels: np.ndarray) -> None:
    PillowImage.fromarray(voxels).save(tmp_path / f"a.{suffix}")
    assert_read(tmp_path / f"a.{suffix}", voxels)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("voxels", [GREY16, COLOUR16], ids=["grey", "colour"])
def test_sixteen_bits(tmp_path: Path, suffix: str, voxels: np.ndarray) -> None:
    stored = voxels if voxels.ndim == 2 else voxels[..., ::-1]
    cv2.imwrite(str(tmp_path / f"a.{suffix}"), stored)
    assert_read(tmp_path / f"a.{suffix}", voxels)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_opacity_is_dropped_not_blended(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    PillowImage.fromarray(np.concatenate([COLOUR8, OPACITY8], -1)).save(path)
    assert_read(path, COLOUR8)
    PillowImage.fromarray(np.concatenate([GREY8[..., None], OPACITY8], -1), "LA").save(path)
    assert_read(path, GREY8)
    opaque = np.concatenate([COLOUR16[..., ::-1], OPACITY8.astype(np.uint16)], -1)
    cv2.imwrite(str(path), opaque)
    assert_read(path, COLOUR16)


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_palettes(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    numbers = GREY8 % 7
    paletted = PillowImage.fromarray(numbers, "P")
    colours = RNG.integers(0, 256, (256, 3)).astype(np.uint8)
    paletted.putpalette(colours.tobytes())
    paletted.save(path)
    assert_read(path, colours[numbers])
    assert np.array_equal(read(path, palette="index").voxels, numbers)


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_one_bit(tmp_path: Path, suffix: str) -> None:
    PillowImage.fromarray(GREY8 > 99).save(tmp_path / f"a.{suffix}")
    assert_read(tmp_path / f"a.{suffix}", (GREY8 > 99).astype(np.uint8))


def test_jpeg(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(32), np.arange(40)).astype(np.uint8)
    PillowImage.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    image = read_image(tmp_path / "a.jpg")
    assert image.voxels.shape == (32, 40)
    assert np.abs(image.voxels.astype(int) - smooth).max() < 5
    assert peek(tmp_path / "a.jpg").shape == (32, 40)


def test_camera_orientation_is_honoured(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(32), 3 * np.arange(40)).astype(np.uint8)
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    PillowImage.fromarray(smooth).save(tmp_path / "a.jpg", quality=95, exif=exif)
    image = read_image(tmp_path / "a.jpg")
    assert image.voxels.shape == (40, 32) == peek(tmp_path / "a.jpg").shape
    assert np.abs(image.voxels.astype(int) - np.rot90(smooth, -1)).max() < 5


def test_float_and_signed_tiff(tmp_path: Path) -> None:
    for voxels in (RNG.normal(size=(5, 6)).astype(np.float32), RNG.integers(-9, 9, (5, 6)).astype(np.int32)):
        PillowImage.fromarray(voxels).save(tmp_path / "a.tif")
        assert_read(tmp_path / "a.tif", voxels)


@pytest.mark.parametrize("voxels", [GREY8, GREY16, COLOUR8, COLOUR16], ids=["8", "16", "8x3", "16x3"])
def test_pages_are_a_volume(tmp_path: Path, voxels: np.ndarray) -> None:
    pages = [np.roll(voxels, place, axis=0) for place in range(4)]
    cv2.imwritemulti(str(tmp_path / "a.tif"), [page if page.ndim == 2 else page[..., ::-1] for page in pages])
    image = read_image(tmp_path / "a.tif")
    assert np.array_equal(image.voxels, np.stack(pages))
    assert image.spacing_mm == (1, 1, 1)
    header = peek(tmp_path / "a.tif")
    assert header.shape == image.grid
    assert header.dtype == image.voxels.dtype.name


def test_what_is_no_picture_at_all(tmp_path: Path, refused: Any) -> None:
    (tmp_path / "notes.png").write_text("no picture")
    with refused(tmp_path / "notes.png", "is not an image of a known format, whatever its name says"):
        read(tmp_path / "notes.png")


def test_pages_of_different_size(tmp_path: Path, refused: Any) -> None:
    small = PillowImage.fromarray(GREY8[:5])
    PillowImage.fromarray(GREY8).save(tmp_path / "a.tif", save_all=True, append_images=[small])
    with refused(tmp_path / "a.tif", r"pages of different size, \(17, 12\) and \(17, 5\)"):
        read_image(tmp_path / "a.tif")


def test_only_imagej_knows_the_size_of_a_pixel(tmp_path: Path) -> None:
    tags = ImageFileDirectory_v2()
    tags[282], tags[283] = 4.0, 2.0
    tags[270] = "ImageJ=1.53\nunit=micron\nspacing=3.0\n"
    page = PillowImage.fromarray(GREY8)
    page.save(tmp_path / "a.tif", tiffinfo=tags)
    assert read_image(tmp_path / "a.tif").spacing_mm == pytest.approx((0.0005, 0.00025))
    page.save(tmp_path / "b.tif", tiffinfo=tags, save_all=True, append_images=[page])
    assert read_image(tmp_path / "b.tif").spacing_mm == pytest.approx((0.003, 0.0005, 0.00025))
    page.save(tmp_path / "c.png", dpi=(300, 300))
    assert read_image(tmp_path / "c.png").spacing_mm == (1, 1)


def test_affine_of_a_picture(tmp_path: Path) -> None:
    PillowImage.fromarray(GREY8).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert (image.affine @ (0, 4, 7, 1)).tolist() == [7, 4, 0, 1]
    assert image.source is None


def test_large_pictures_are_read_without_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PillowImage.fromarray(GREY8).save(tmp_path / "a.png")
    monkeypatch.setattr(PillowImage, "MAX_IMAGE_PIXELS", 150)
    assert_read(tmp_path / "a.png", GREY8)


def test_pictures_beyond_the_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Any) -> None:
    PillowImage.fromarray(GREY8).save(tmp_path / "a.png")
    monkeypatch.setattr(PillowImage, "MAX_IMAGE_PIXELS", 50)
    with refused(tmp_path / "a.png", "larger than this reader takes"):
        read_image(tmp_path / "a.png")
