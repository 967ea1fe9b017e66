"""The text headers of NRRD and MetaImage: what they promise, checked before ITK allocates it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imedbench.errors import BadInput
from imedbench.io.checks import DEFLATE, check_shape, check_size, check_spacing, clause, file_size, reading

LONGEST = 1 << 20
"""Bytes read in search of a header's end."""
ASCII = 8
"""A value of up to eight bytes takes at least a digit and a blank as text."""
NRRD_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"), "i8"),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"), "u8"),
    "float": "f4",
    "double": "f8",
}
META_TYPES: Mapping[str, str] = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
NRRD_RATIOS = {"raw": 1, "gzip": DEFLATE, "gz": DEFLATE, "txt": ASCII, "text": ASCII, "ascii": ASCII, "hex": 1}
NO_AXIS = {"vector", "list", "3-vector", "rgb-color", "rgba-color", "2-vector", "4-vector", "scalar", "complex"}


@dataclass(frozen=True, slots=True)
class TextHeader:
    """What the header says, as far as it is needed before ITK reads the file."""

    sizes: tuple[int, ...]
    """Of all axes as written, fastest first."""
    dtype: np.dtype
    components: int
    """Values a voxel has besides those counted in ``sizes``."""
    steps_mm: tuple[float, ...]
    """Of the spatial axes, where the header gives them."""
    data_file: Path | None
    """Where the voxels are, if not behind the header."""
    offset: int
    """Where the voxels begin in this file, if they follow the header."""
    ratio: int
    """The most that the encoding packs."""


def checked_header(path: Path) -> TextHeader:
    """The header of a .nrrd, .nhdr, .mha or .mhd file.

    Raises:
        BadInput: it is not one, or it promises what its data cannot hold.
    """
    whole = file_size(path)
    header = _nrrd(path) if path.suffix.lower() in {".nrrd", ".nhdr"} else _meta(path)
    check_shape(path, header.sizes)
    check_spacing(path, header.steps_mm)
    size = file_size(header.data_file) if header.data_file is not None else whole - header.offset
    declared = math.prod(header.sizes) * header.components * header.dtype.itemsize
    check_size(path, declared, size, header.ratio)
    return header


def _nrrd(path: Path) -> TextHeader:
    with reading(path, "NRRD"), path.open("rb") as stream:
        text = stream.read(LONGEST)
    if not text.startswith(b"NRRD000"):
        raise BadInput(path, "is not an NRRD file (it lacks the signature)", "convert it to .nrrd or .nii.gz")
    blank = b"\r\n\r\n" if b"\r\n" in text[:12] else b"\n\n"
    offset = text.find(blank) + len(blank) if blank in text else len(text)
    head = text[:offset].decode("utf-8", "surrogateescape")
    fields = {}
    for line in head.splitlines()[1:]:
        name, colon, value = line.partition(":")
        if colon and not value.startswith("=") and not name.startswith("#"):
            fields[name.strip().lower()] = value.strip()
    encoding = fields.get("encoding", "raw").lower()
    if encoding not in NRRD_RATIOS:
        raise BadInput(path, f"has the unknown encoding {encoding!r}", "save it as raw or gzip NRRD")
    dtype = _dtype(path, NRRD_TYPES, fields.get("type", "").lower())
    sizes = _integers(path, fields, "sizes")
    named = fields.get("data file", fields.get("datafile", ""))
    steps = _nrrd_steps(path, fields)
    return TextHeader(sizes, dtype, 1, steps, _data_file(path, named), offset, NRRD_RATIOS[encoding])


def _nrrd_steps(path: Path, fields: Mapping[str, str]) -> tuple[float, ...]:
    """Lengths of the space directions, or the spacings of the axes that are not components."""
    try:
        if "space directions" in fields:
            columns = [part.strip("() ") for part in fields["space directions"].replace(", ", ",").split()]
            return tuple(math.hypot(*map(float, column.split(","))) for column in columns if column != "none")
        steps = [float(step) for step in fields.get("spacings", "").split()]
    except ValueError as problem:
        fact = f"has a spacing that is no number ({clause(problem)})"
        raise BadInput(path, fact, "correct the header") from problem
    kinds = fields.get("kinds", "").lower().split() or ["domain"] * len(steps)
    return tuple(step for step, kind in zip(steps, kinds, strict=False) if kind not in NO_AXIS)


def _meta(path: Path) -> TextHeader:
    fields, offset = _meta_fields(path)
    if "ElementDataFile" not in fields:
        fact = "is not a MetaImage (its header names no ElementDataFile)"
        raise BadInput(path, fact, "convert it to .mha or .nii.gz")
    packed = fields.get("CompressedData", "False").lower() == "true"
    ascii_text = fields.get("BinaryData", "True").lower() == "false"
    dtype = _dtype(path, META_TYPES, fields.get("ElementType", "").removesuffix("_ARRAY"))
    spacing = fields.get("ElementSpacing", fields.get("ElementSize", ""))
    try:
        steps = tuple(float(step) for step in spacing.split())
        components = int(fields.get("ElementNumberOfChannels", "1"))
    except ValueError as problem:
        fact = f"has a header with a value that is no number ({clause(problem)})"
        raise BadInput(path, fact, "correct the header") from problem
    ratio = DEFLATE if packed else ASCII if ascii_text else 1
    named = "" if fields["ElementDataFile"].upper() == "LOCAL" else fields["ElementDataFile"]
    sizes = _integers(path, fields, "DimSize")
    return TextHeader(sizes, dtype, components, steps, _data_file(path, named), offset, ratio)


def _meta_fields(path: Path) -> tuple[dict[str, str], int]:
    """The header's fields and its length; ElementDataFile is its last line by definition."""
    fields: dict[str, str] = {}
    offset = 0
    with reading(path, "MetaImage"), path.open("rb") as stream:
        text = stream.read(LONGEST)
    for line in text.split(b"\n"):
        name, equals, value = line.decode("utf-8", "surrogateescape").partition("=")
        offset += len(line) + 1
        if not equals:
            break
        fields[name.strip()] = value.strip()
        if name.strip() == "ElementDataFile":
            break
    return fields, offset


def _dtype(path: Path, types: Mapping[str, str], name: str) -> np.dtype:
    if name not in types:
        fact = f"has the voxel type {name or 'of no name'!r}, which is no plain number"
        raise BadInput(path, fact, "convert it to an integer or floating-point type")
    return np.dtype(types[name])


def _integers(path: Path, fields: Mapping[str, str], name: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in fields.get(name, "").split())
    except ValueError as problem:
        fact = f"has the sizes {fields[name]!r}, which are not whole numbers"
        raise BadInput(path, fact, "correct the header") from problem


def _data_file(path: Path, named: str) -> Path | None:
    """The file that holds the voxels of a header that lies apart."""
    if not named:
        return None
    if named.upper().startswith("LIST") or "%" in named:
        fact = "spreads its voxels over several files"
        raise BadInput(path, fact, "convert it to one .nrrd, .mha or .nii.gz file")
    return path.parent / named
