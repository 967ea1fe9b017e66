"""Any supported image by its path."""

import importlib
import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from imedbench.errors import BadInput
from imedbench.io.checks import reading
from imedbench.io.geometry import Header, on_grid_of
from imedbench.types import Image

FAMILIES = {
    **dict.fromkeys((".nii", ".nii.gz"), "nifti"),
    **dict.fromkeys((".nrrd", ".nhdr", ".mha", ".mhd"), "itk"),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"), "raster"),
    **dict.fromkeys((".npy", ".npz"), "arrays"),
    **dict.fromkeys((".dcm", ".dicom", ".ima"), "dicom"),
}
"""Ending to the module of this package that reads it."""


def is_image(path: Path) -> bool:
    """Whether this is a file that `read_image` has a reader for, by its ending or, failing that, a DICOM preamble."""
    return suffix_of(path) in FAMILIES or has_preamble(path)


def read_image(path: Path, *, modality: str = "", channels: Sequence[Path] = ()) -> Image:
    """One image, a volume turned to RAS, from a file or a folder with one DICOM series.

    Args:
        path: a file of any supported kind, or the folder of a DICOM series.
        modality: as in the recipe; empty takes what DICOM says, if it is DICOM.
        channels: further files on the same grid, each of which adds its channels.

    Raises:
        BadInput: a file cannot be used, or the channels lie on different grids.
    """
    image = load(path)
    if channels:
        image = _joined(image, path, channels)
    return replace(image, modality=modality or image.modality)


def peek(path: Path) -> Header:
    """What the headers say of an image, at no cost in memory.

    Raises:
        BadInput: the header cannot be used, or promises what its file cannot hold.
    """
    header: Header = family_of(path).peek(path)
    return header


def load(path: Path, **settings: Any) -> Image:
    """The image with the reader's own ``settings``, on its own grid turned to RAS."""
    image: Image = family_of(path).read(path, **settings)
    return image


def family_of(path: Path) -> Any:
    """The module that reads this path."""
    with reading(path, "image"):
        folder = stat.S_ISDIR(path.stat().st_mode)
    if folder:
        return importlib.import_module("imedbench.io.dicom")
    family = FAMILIES.get(suffix_of(path))
    if family is None:
        # Scanners write DICOM without an ending, and sometimes without the preamble too.
        if not has_preamble(path) and not starts_as_dicom(path):
            known = ", ".join(FAMILIES)
            raise BadInput(path, "is of no kind that can be read", f"convert it to one of {known}")
        family = "dicom"
    return importlib.import_module(f"imedbench.io.{family}")


def suffix_of(path: Path) -> str:
    """The ending in lower case, with .nii.gz as one."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else os.path.splitext(name)[1]  # noqa: PTH122 - a name, no path


def has_preamble(path: Path) -> bool:
    """Whether the file has DICOM's signature after its 128 free bytes; False where it cannot be read."""
    return _head(path)[128:132] == b"DICM"


def starts_as_dicom(path: Path) -> bool:
    """Whether the file begins with an element of group 2 or 8, as a dataset without preamble does."""
    head = _head(path)
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    implicit = 0 < int.from_bytes(head[4:8], "little") < 256
    return head[:4] in {b"\x02\0\0\0", b"\x08\0\0\0", b"\x08\0\x01\0", b"\x08\0\x05\0", b"\x08\0\x08\0"} and (
        explicit or implicit
    )


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(132)
    except OSError:
        return b""


def _joined(image: Image, path: Path, channels: Sequence[Path]) -> Image:
    """The channels of all files in one array, named after the files where a file has one channel."""
    voxels, names = [_columns(image)], _names(image, path)
    for further in channels:
        other = load(further)
        voxels.append(on_grid_of(further, replace(other, voxels=_columns(other)), image, "the first channel"))
        names += _names(other, further)
    return replace(image, voxels=np.concatenate(voxels, axis=-1), channels=tuple(names))


def _columns(image: Image) -> Any:
    return image.voxels if len(image.channels) > 1 else image.voxels[..., None]


def _names(image: Image, path: Path) -> list[str]:
    stem = path.name[: len(path.name) - len(suffix_of(path))]
    return [stem] if len(image.channels) == 1 else [f"{stem} {name}" for name in image.channels]
