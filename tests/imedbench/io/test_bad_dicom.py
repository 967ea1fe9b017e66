"""DICOM that cannot be used: one sentence each, with file, fact and remedy."""

import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imedbench.io import (
    peek,
    read_image,
)

SHAPE = (5, 6, 7)


def cut(name: str) -> Callable[[Any, int], None]:
    def change(dataset: Any, _: int) -> None:
        del dataset[name]

    return change


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
@pytest.mark.parametrize(
    ("syntax", "fact"),
    [
        ("1.2.3.4.5.6.7", "transfer syntax 1.2.3.4.5.6.7, which is not known"),
        ("1.2.840.10008.1.2.4.100", "MPEG2 .* cannot be decoded here"),
    ],
)
def test_unknown_transfer_syntax(tmp_path: Path, write_series: Any, refused: Any, syntax: str, fact: str) -> None:
    paths = write_series(tmp_path / "ct", np.zeros((3, 20, 16), np.int16))
    for path in paths:
        # The element's value keeps its even length, padded with zeros as DICOM wants.
        uid = b"1.2.840.10008.1.2.1\0"
        new = syntax.encode() + b"\0" * (len(syntax) % 2)
        at = path.read_bytes().index(uid)
        whole = path.read_bytes()
        head = whole[: at - 2] + struct.pack("<H", len(new)) + new
        length = whole.index(b"UL\x04\0") + 4
        (old,) = struct.unpack_from("<I", whole, length)
        head = head[:length] + struct.pack("<I", old + len(new) - len(uid)) + head[length + 4 :]
        path.write_bytes(head + whole[at + len(uid) :])
    with refused(paths[0], fact):
        read_image(tmp_path / "ct")


def test_encrypted_dicom(tmp_path: Path, write_series: Any, refused: Any) -> None:
    def encrypt(dataset: Any, _: int) -> None:
        import pydicom

        hidden = pydicom.Dataset()
        hidden.EncryptedContentTransferSyntaxUID, hidden.EncryptedContent = "1.2.840.10008.1.2.1", bytes(64)
        dataset.EncryptedAttributesSequence = [hidden]
        del dataset.PixelData, dataset.Rows, dataset.Columns

    paths = write_series(tmp_path / "ct", np.zeros((2, 20, 16), np.int16), change=encrypt)
    with refused(paths[0], "is encrypted"):
        read_image(tmp_path / "ct")
    sealed = tmp_path / "sealed.dcm"
    sealed.write_bytes(b"0\x82\x01\x10\x06\x09*\x86H\x86\xf7\r\x01\x07\x03" + os.urandom(400))
    with refused(sealed, "is not a DICOM file"):
        read_image(sealed)


def test_a_missing_slice(tmp_path: Path, write_series: Any, refused: Any) -> None:
    for paths, fact in (
        (
            [0, 1, 2, 3, 5, 6],
            r"has 1 missing slice between the positions -21 and -15 mm, where it steps 6 mm and",
        ),
        ([0, 1, 5, 6, 7], r"has 3 missing slices between the positions -27 and -15 mm"),
    ):
        folder = tmp_path / str(len(fact))
        write_series(folder, np.zeros((8, 20, 16), np.int16), order=paths)
        with refused(folder, fact):
            read_image(folder)
        with refused(folder, fact):
            peek(folder)


def test_zero_slices(tmp_path: Path, refused: Any) -> None:
    with refused(tmp_path, "there is no DICOM slice in it"):
        read_image(tmp_path)
    (tmp_path / "notes.txt").write_text("no image")
    with refused(tmp_path, "there is no DICOM slice in it"):
        peek(tmp_path)


def test_no_pixel_data(tmp_path: Path, write_series: Any, refused: Any) -> None:
    paths = write_series(tmp_path / "ct", np.zeros((3, 20, 16), np.int16), change=cut("PixelData"))
    with refused(paths[0], "has no pixel data"):
        read_image(tmp_path / "ct")


# ---- names and links


def test_sixty_gigabytes_of_dicom(tmp_path: Path, write_series: Any, refused: Any) -> None:
    def inflate(dataset: Any, _: int) -> None:
        dataset.Rows, dataset.Columns, dataset.NumberOfFrames = 60000, 60000, 8

    (path,) = write_series(tmp_path, np.zeros((1, 20, 16), np.int16), change=inflate)
    tracemalloc.start()
    with refused(path, "declares 57.6 GB but only 640 bytes"):
        read_image(path)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()
