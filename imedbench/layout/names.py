"""The names of label values that label files carry themselves, or that lie beside them."""

import csv
import re
from pathlib import Path

from imedbench.errors import BadInput, printable

BACKGROUND = {"background", "unknown", "clear label", "exterior"}


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
    import xml.etree.ElementTree as ElementTree

    import nibabel

    try:
        extensions = nibabel.load(path).header.extensions  # type: ignore[attr-defined]
    except (nibabel.filebasedimages.ImageFileError, OSError, EOFError) as problem:
        fact = f"cannot be read as NIfTI ({problem})"
        raise BadInput(path, fact, "copy or download it again") from problem
    for extension in extensions:
        content = extension.get_content()
        text = content if isinstance(content, bytes) else str(content).encode()
        if b"<LabelTable" not in text:
            continue
        try:
            tree = ElementTree.fromstring(text.rstrip(b"\0"))
        except ElementTree.ParseError:
            continue
        return {int(label.attrib["Key"]): (label.text or "").strip() for label in tree.iter("Label")}
    return {}


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
