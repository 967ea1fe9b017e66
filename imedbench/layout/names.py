"""The names of label values that label files carry themselves, or that lie beside them."""

import csv
import gzip
import re
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

from imedbench.errors import BadInput, printable

BACKGROUND = {"background", "unknown", "clear label", "exterior"}
LARGEST_HEADER = 1 << 24
"""Bytes of extensions that are looked through."""


def names_within(path: Path) -> dict[int, str]:
    """Names by value, from a label table in the header: NIfTI (Connectome Workbench) or NRRD (3D Slicer).

    Empty where there is none.

    Raises:
        BadInput: the header cannot be read.
    """
    lower = path.name.lower()
    if lower.endswith((".nii", ".nii.gz")):
        names = _of_nifti(path)
    elif lower.endswith(".nrrd"):
        names = _of_nrrd(path)
    else:
        names = {}
    return without_background(names)


def names_of_table(path: Path) -> dict[int, str]:
    """Names by value from a BIDS ``dseg.tsv`` (columns index and name)."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
        return without_background({int(row["index"]): row["name"] for row in rows})
    except (OSError, KeyError, TypeError, ValueError):
        fact = f"{printable(path)} is no table of labels with the columns index and name"
        raise BadInput(path, fact, "correct it, or write the names into a recipe") from None


def without_background(names: dict[int, str]) -> dict[int, str]:
    """The names without the one that means nothing."""
    return {value: name for value, name in names.items() if value or name.strip().lower() not in BACKGROUND}


def _of_nifti(path: Path) -> dict[int, str]:
    for text in _nifti_extensions(path):
        start, end = text.find(b"<LabelTable"), text.rfind(b"</LabelTable>")
        if 0 <= start < end:
            with suppress(ElementTree.ParseError, KeyError, ValueError):
                table = ElementTree.fromstring(text[start:end] + b"</LabelTable>")
                return {int(label.attrib["Key"]): (label.text or "").strip() for label in table.iter("Label")}
    return {}


def _nifti_extensions(path: Path) -> list[bytes]:
    """The extensions of a NIfTI header, of whatever code: writers of label tables do not agree on one."""
    try:
        with path.open("rb") as plain:
            head = plain.read(2)
        with gzip.open(path, "rb") if head == b"\x1f\x8b" else path.open("rb") as stream:
            first = stream.read(4)
            order = ">" if first[:2] == b"\0\0" else "<"
            version_2 = struct.unpack(f"{order}i", first)[0] == 540
            header = first + stream.read((540 if version_2 else 348) - 4)
            place = (
                struct.unpack_from(f"{order}q", header, 168)
                if version_2
                else (int(struct.unpack_from(f"{order}f", header, 108)[0]),)
            )
            tail = stream.read(min(max(0, place[0] - len(header)), LARGEST_HEADER))
    except (OSError, EOFError, zlib.error, struct.error) as problem:
        fact = f"cannot be read as NIfTI ({problem})"
        raise BadInput(path, fact, "copy or download it again") from problem
    extensions, position = [], 4
    while tail[:1] == b"\1" and position + 8 <= len(tail):
        size = struct.unpack_from(f"{order}i", tail, position)[0]
        if size < 8:
            break
        extensions.append(tail[position + 8 : position + size])
        position += size
    return extensions


def _of_nrrd(path: Path) -> dict[int, str]:
    try:
        with path.open("rb") as stream:
            header = stream.read(1 << 18).split(b"\n\n", 1)[0].decode("utf-8", "replace")
    except OSError as problem:
        fact = f"cannot be read ({problem.strerror})"
        raise BadInput(path, fact, "check the file") from problem
    fields = dict(re.findall(r"^Segment(\d+_(?:Name|LabelValue)):=(.*?)\r?$", header, re.MULTILINE))
    numbers = [key.removesuffix("_Name") for key in fields if key.endswith("_Name")]
    return {
        int(fields[f"{number}_LabelValue"]): fields[f"{number}_Name"]
        for number in numbers
        if fields.get(f"{number}_LabelValue", "").isdigit()
    }
