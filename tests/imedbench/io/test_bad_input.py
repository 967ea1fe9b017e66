"""Every bad input of the issue: one sentence with file, fact and remedy, and no allocation before the check."""

import gzip
import os
import re
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image as PillowImage

from imedbench.io import (
    is_image,
    peek,
    read_image,
    series_in,
)

SHAPE = (5, 6, 7)


def test_the_untouched_file_is_read(nifti: Callable[..., Path]) -> None:
    assert read_image(nifti()).grid == SHAPE[::-1]
    assert read_image(nifti("b.nii")).grid == SHAPE[::-1]


# ---- truncated and damaged files


@pytest.mark.parametrize("left", [0.5, 0.97])
def test_truncated_gzip(nifti: Callable[..., Path], refused: Any, left: float) -> None:
    path = nifti()
    path.write_bytes(path.read_bytes()[: int(left * path.stat().st_size)])
    with refused(path, "is truncated"):
        read_image(path)


def test_gzip_cut_inside_its_checksum(nifti: Callable[..., Path], refused: Any) -> None:
    path = nifti()
    path.write_bytes(path.read_bytes()[:-4])
    with refused(path, "is truncated"):
        read_image(path)


def test_damaged_gzip(nifti: Callable[..., Path], refused: Any) -> None:
    path = nifti()
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    path.write_bytes(whole)
    with refused(path, "damaged|truncated"):
        read_image(path)


@pytest.mark.parametrize("name", ["a.nii", "a.mha", "a.nrrd", "a.npy", "a.npz", "a.png", "a.tif", "a.bmp", "a.jpg"])
def test_truncated_files(tmp_path: Path, refused: Any, name: str) -> None:
    path = tmp_path / name
    voxels = np.random.default_rng(0).integers(0, 255, (30, 40, 20)).astype(np.uint8)
    if name.endswith(("npy", "npz")):
        np.save(path, voxels) if name.endswith("npy") else np.savez_compressed(path, a=voxels)
    elif name.endswith(("nii", "mha", "nrrd")):
        sitk.WriteImage(sitk.GetImageFromArray(voxels), str(path), useCompression=not name.endswith("nii"))
    else:
        PillowImage.fromarray(voxels[0]).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: 2 * len(whole) // 3])
    with refused(path, "truncated|declares|decoded|damaged"):
        read_image(path)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nrrd", "a.mha", "a.png", "a.npy", "a.npz", "a.dcm"])
@pytest.mark.parametrize("content", [b"", b"\0", b"not what it says" * 100])
def test_files_that_are_something_else(tmp_path: Path, refused: Any, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with refused(path, "."):
        read_image(path)
    with refused(path, "."):
        peek(path)


# ---- voxels, spacing, affine


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_not_finite(nifti: Callable[..., Path], refused: Any, value: float) -> None:
    voxels = np.zeros(SHAPE, np.float32)
    voxels[1, 2, 3] = voxels[4, 5, 6] = value
    with refused(nifti(voxels=voxels), r"2 voxels that are NaN or infinite, the first at index \(3, 2, 1\)"):
        read_image(nifti(voxels=voxels))


def test_large_float64_values_are_not_taken_for_infinite(nifti: Callable[..., Path]) -> None:
    path = nifti(voxels=np.full(SHAPE, 1.6e308))
    assert read_image(path).voxels.max() == 1.6e308


@pytest.mark.parametrize("value", [0, -2, np.nan, np.inf])
def test_spacing(nifti: Callable[..., Path], tmp_path: Path, refused: Any, value: float) -> None:
    path = nifti(pixdim=(value, 2))
    with refused(path, r"has a spacing of \(2, .*, 4\) mm where every step must be above zero"):
        read_image(path)
    with refused(path, "has a spacing"):
        peek(path)
    array = tmp_path / "a.npz"
    np.savez(array, a=np.zeros(SHAPE), spacing=[1, value, 1])
    with refused(array, "has a spacing"):
        read_image(array)


@pytest.mark.parametrize(
    "affine", [np.diag([2.0, 0, 4, 1]), [[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]]
)
def test_singular_affine(nifti: Callable[..., Path], refused: Any, affine: Any) -> None:
    rows = {f"srow_{axis}": affine[row] for row, axis in enumerate("xyz")}
    path = nifti(affine=np.diag([2.0, 3, 4, 1]))
    whole = bytearray(gzip.decompress(path.read_bytes()))
    for offset, row in zip((280, 296, 312), rows.values(), strict=True):
        whole[offset : offset + 16] = struct.pack("<4f", *row)
    path.write_bytes(gzip.compress(bytes(whole)))
    with refused(path, "has a singular affine"):
        read_image(path)
    with refused(path, "has a singular affine"):
        peek(path)


def test_axes_of_no_length(nifti: Callable[..., Path], tmp_path: Path, refused: Any) -> None:
    for size in (0, -3):
        with refused(nifti(dim=(size, 2)), "holds no voxel"):
            read_image(nifti(dim=(size, 2)))
    np.save(tmp_path / "a.npy", np.zeros((0, 4, 5)))
    with refused(tmp_path / "a.npy", "holds no voxel"):
        read_image(tmp_path / "a.npy")


def test_wrong_dtype(nifti: Callable[..., Path], tmp_path: Path, refused: Any) -> None:
    with refused(nifti(voxels=np.zeros(SHAPE, np.complex64)), "type complex64"):
        read_image(nifti(voxels=np.zeros(SHAPE, np.complex64)))
    with refused(nifti(datatype=(999, 0)), "unknown NIfTI data type 999"):
        read_image(nifti(datatype=(999, 0)))
    for name, array in {
        "a": np.zeros(SHAPE, complex),
        "b": np.array([["x", "y"]]),
        "c": np.zeros((2, 2), "M8[s]"),
    }.items():
        np.save(tmp_path / f"{name}.npy", array)
        with refused(tmp_path / f"{name}.npy", "not plain integers"):
            read_image(tmp_path / f"{name}.npy")


def test_python_objects_are_never_unpickled(tmp_path: Path, refused: Any) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    np.save(tmp_path / "a.npy", np.array([Trap(), None], object), allow_pickle=True)
    np.savez(tmp_path / "b.npz", image=np.array([Trap(), None], object))
    for name in ("a.npy", "b.npz"):
        with refused(tmp_path / name, "Python objects, which are never unpickled"):
            read_image(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


def test_time_series(nifti: Callable[..., Path], refused: Any) -> None:
    path = nifti(voxels=np.zeros((4, 4, 4, 40), np.int16))
    with refused(path, "holds 40 volumes, which is a time series"):
        read_image(path)


# ---- headers that promise more than the file holds


def huge_nifti(path: Path) -> None:
    header = nib.Nifti1Header()
    header.set_data_dtype(np.float32)
    header.set_data_shape((2500, 2500, 2400))
    whole = header.binaryblock + bytes(700)
    path.write_bytes(gzip.compress(whole) if path.suffix == ".gz" else whole)


def huge_nrrd(path: Path) -> None:
    packing = "gzip" if "gz" in path.name else "raw"
    head = f"NRRD0004\ntype: float\ndimension: 3\nsizes: 2500 2500 2400\nencoding: {packing}\nendian: little\n\n"
    path.write_bytes(head.encode() + zlib.compress(bytes(900)))


def huge_mha(path: Path) -> None:
    head = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
        f"CompressedData = {'z' in path.stem}\nElementSpacing = 1 1 1\nDimSize = 2500 2500 2400\n"
        "ElementType = MET_FLOAT\nElementDataFile = LOCAL\n"
    )
    path.write_bytes(head.encode() + bytes(900))


def huge_npy(path: Path) -> None:
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(
            stream, {"descr": "<f4", "fortran_order": False, "shape": (2400, 2500, 2500)}
        )
        stream.write(bytes(900))


def huge_npz(path: Path) -> None:
    import zipfile

    huge_npy(path.with_suffix(".npy"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path.with_suffix(".npy"), "image.npy")


def huge_png(path: Path) -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 12000, 13000, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(900))) + chunk(b"IEND", b""))


HUGE = {
    "a.nii": huge_nifti,
    "a.nii.gz": huge_nifti,
    "a.nrrd": huge_nrrd,
    "a.gz.nrrd": huge_nrrd,
    "a.mha": huge_mha,
    "z.mha": huge_mha,
    "a.npy": huge_npy,
    "a.npz": huge_npz,
    "a.png": huge_png,
}


@pytest.mark.parametrize("name", HUGE)
def test_sixty_gigabytes_over_a_kilobyte(tmp_path: Path, refused: Any, name: str) -> None:
    path = tmp_path / name
    HUGE[name](path)
    assert path.stat().st_size < 2000
    with refused(path, "."):
        read_image(path)
    tracemalloc.start()
    start = time.perf_counter()
    with refused(path, "declares (60.0 GB|468.0 MB) but only"):
        read_image(path)
    with refused(path, "declares"):
        peek(path)
    assert time.perf_counter() - start < 1
    assert tracemalloc.get_traced_memory()[1] < 4_000_000
    tracemalloc.stop()


def test_zip_bomb(tmp_path: Path, refused: Any) -> None:
    """A member that claims to unpack beyond what deflate can."""
    huge_npz(tmp_path / "a.npz")
    whole = bytearray((tmp_path / "a.npz").read_bytes())
    for match in re.finditer(rb"PK\x01\x02", bytes(whole)):
        struct.pack_into("<I", whole, match.start() + 24, 0xF0000000)
    (tmp_path / "a.npz").write_bytes(whole)
    with refused(tmp_path / "a.npz", "declares 4.0 GB"):
        read_image(tmp_path / "a.npz")


# ---- labels


def test_symlink_loops(tmp_path: Path, refused: Any, write_series: Any) -> None:
    for name in ("a.nii.gz", "a.png", "a.dcm", "a.npy", "a.nrrd", "folder"):
        path = tmp_path / name
        path.symlink_to(path)
        for reader in (read_image, peek):
            with refused(path, "is a symbolic link that leads back to itself"):
                reader(path)
    with refused(tmp_path / "folder", "leads back to itself"):
        series_in(tmp_path / "folder")
    (tmp_path / "lost.nii").symlink_to(tmp_path / "nowhere")
    with refused(tmp_path / "lost.nii", "link to something that is not there"):
        read_image(tmp_path / "lost.nii")
    with refused(tmp_path / "none.nii", "does not exist"):
        read_image(tmp_path / "none.nii")


def test_folders_that_contain_themselves(tmp_path: Path, write_series: Any) -> None:
    write_series(tmp_path / "ct" / "deep", np.zeros((3, 20, 16), np.int16))
    (tmp_path / "ct" / "deep" / "again").symlink_to(tmp_path / "ct")
    (tmp_path / "ct" / "self").symlink_to(tmp_path / "ct" / "self")
    (found,) = series_in(tmp_path / "ct")
    assert len(found.paths) == 3


@pytest.mark.parametrize("suffix", ["nii.gz", "nii", "nrrd", "mha", "mhd", "nhdr", "png", "tif", "npy", "npz", "dcm"])
def test_names_that_are_not_utf8(tmp_path: Path, write_series: Any, suffix: str) -> None:
    folder = tmp_path / os.fsdecode(b"patient\xff\xfe")
    folder.mkdir()
    voxels = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    plain = tmp_path / f"plain.{suffix}"
    if suffix in {"npy", "npz"}:
        np.save(plain, voxels) if suffix == "npy" else np.savez(plain, voxels)
    elif suffix == "dcm":
        write_series(tmp_path, voxels[:1])[0].rename(plain)
    elif suffix in {"png", "tif"}:
        PillowImage.fromarray(voxels[0].astype(np.uint8)).save(plain)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(voxels), str(plain))
    expected = read_image(plain)
    path = folder / os.fsdecode(b"\xe9t\xe9." + suffix.encode())
    for part in tmp_path.glob("plain.*"):
        part.rename(path if part == plain else folder / part.name)
    assert np.array_equal(read_image(path).voxels, expected.voxels)
    assert peek(path).shape == expected.grid


def test_errors_about_names_that_are_not_utf8(tmp_path: Path, refused: Any) -> None:
    path = tmp_path / os.fsdecode(b"\xe9t\xe9.nii.gz")
    path.write_bytes(b"nothing")
    with refused(path, "."):
        read_image(path)


def test_kinds_that_cannot_be_read(tmp_path: Path, refused: Any) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no image")
    assert not is_image(path)
    with refused(path, "of no kind that can be read"):
        read_image(path)
