"""What lies below a folder, as far as its names and a few headers tell: the ground on which recipes are inferred."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from imedbench.errors import BadRecipe, printable
from imedbench.layout.pattern import HIDDEN

LABEL_WORDS = re.compile(
    r"(?<!un)label(?!led)|mask(?!ed)|segm|ground.?truth|truth|annot|dseg"
    r"|(?<![a-z])(?:segs?|gts?|rois?|manual|msk|lbl)(?![a-z])"
)
IMAGE_WORDS = ("image", "images", "img", "imgs", "im", "scan", "volume", "data", "orig", "original", "raw")
SPLIT_FOLDERS = {"train", "training", "val", "valid", "validation", "test", "testing"}
ENDINGS = (".nii.gz",)
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".7z", ".rar")


@dataclass(slots=True)
class Finding:
    """A recipe in the making."""

    fields: dict[str, Any]
    reasons: list[str] = field(default_factory=list)
    """What was inferred and from what, a sentence each."""


@dataclass(frozen=True)
class Inventory:
    """The images and labels below a folder, by their paths below it, with ``/``, sorted."""

    root: Path
    files: tuple[str, ...]
    """Every file that is not hidden."""
    units: tuple[str, ...]
    """Every file that `imedbench.io` reads; a folder with a DICOM series counts as one and ends in ``/``."""
    dicom_labels: tuple[tuple[str, str], ...] = ()
    """DICOM files that are labels, with their encoding: dicom-seg or rtstruct. They are among the units."""

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The units whose path says that they are labels."""
        known = dict(self.dicom_labels)
        said = [unit for unit in self.units if unit in known or says_label(unit)]
        # images/organ_seg_1.png is no label where masks/organ_seg_1.png is there.
        sure = {unit for unit in said if unit in known or says_label(folder_of(unit))}
        twins = {stem_of(unit) for unit in sure}
        return tuple(unit for unit in said if unit in sure or stem_of(unit) not in twins)

    @cached_property
    def images(self) -> tuple[str, ...]:
        """The other units."""
        taken = set(self.labels)
        return tuple(unit for unit in self.units if unit not in taken)

    def within(self, units: Sequence[str]) -> "Inventory":
        """The same folder with some of its units only."""
        return Inventory(self.root, self.files, tuple(units), self.dicom_labels)


def take_stock(root: Path) -> Inventory:
    """Lists a folder.

    Raises:
        BadRecipe: there is no such folder, or nothing in it that can be read.
        BadInput: a folder cannot be listed.
    """
    from imedbench.io import is_image
    from imedbench.io.dicom_series import files_below
    from imedbench.io.images import FAMILIES, suffix_of

    check_folder(root)
    by_folder: dict[str, list[str]] = {}
    for path in files_below(root):
        folder, name = os.path.split(os.path.relpath(path, root))
        if not HIDDEN.search(name):
            by_folder.setdefault(folder.replace(os.sep, "/"), []).append(name)
    units: list[str] = []
    dicom_labels: list[tuple[str, str]] = []
    for folder, names in sorted(by_folder.items()):
        plain = [name for name in names if FAMILIES.get(suffix_of(Path(name)), "dicom") != "dicom"]
        rest = [name for name in names if name not in set(plain)]
        # Files without a known ending are opened; where the first few of a folder are no DICOM, none is.
        dicom = rest if any(is_image(root / folder / name) for name in rest[:3]) else []
        series, labelled = _sorted_out(root / folder, dicom)
        units.extend(_join(folder, name) for name in (*plain, *labelled))
        dicom_labels.extend((_join(folder, name), encoding) for name, encoding in labelled.items())
        if series:
            units.append(f"{folder or '.'}/")
    files = tuple(sorted(_join(folder, name) for folder, names in by_folder.items() for name in names))
    if not units:
        packed = [name for name in files if name.lower().endswith(ARCHIVES)]
        remedy = f"unpack {printable(packed[0])} first" if packed else "give the folder that holds the raw data"
        message = f"{printable(root)}: no file here can be read as an image; {remedy}."
        raise BadRecipe(message)
    return Inventory(root, files, tuple(sorted(units)), tuple(dicom_labels))


def check_folder(root: Path) -> None:
    """Refuses what is no folder.

    Raises:
        BadRecipe: there is none of that name.
    """
    if root.is_dir():
        return
    if root.name.lower().endswith(ARCHIVES) and root.is_file():
        message = f"{printable(root)}: is an archive; unpack it, and give the folder."
    elif root.exists():
        message = f"{printable(root)}: is a file; give the folder that it lies in."
    else:
        message = f"{printable(root)}: there is no such folder; give the one that holds the raw data."
    raise BadRecipe(message)


def says_label(path: str) -> bool:
    """Whether the words of a path say that this is a label."""
    return bool(LABEL_WORDS.search(path.lower()))


def split_name(name: str) -> tuple[str, str]:
    """Stem and ending of a file name; the ending of a folder is ``/``."""
    if name.endswith("/"):
        return name[:-1], "/"
    lower = name.lower()
    for ending in ENDINGS:
        if lower.endswith(ending):
            return name[: -len(ending)], name[-len(ending) :]
    return os.path.splitext(name)  # noqa: PTH122 - a name, no path


def stem_of(unit: str) -> str:
    """The last step of a unit's path without its ending."""
    return split_name(last_step(unit))[0]


def last_step(unit: str) -> str:
    """The last step of a path, with its ``/`` where it is a folder."""
    return unit.rstrip("/").rsplit("/", 1)[-1] + ("/" if unit.endswith("/") else "")


def folder_of(unit: str) -> str:
    """The folder a unit lies in, with a ``/``; empty at the top."""
    return unit[: len(unit) - len(last_step(unit))]


def words(text: str) -> list[str]:
    """The words of a name in lower case; a capital inside a word begins a new one."""
    return re.findall(r"[a-z]+|\d+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower())


def common_folder(units: Iterable[str]) -> str:
    """The deepest folder that holds all units, with a ``/``; empty for the top."""
    folders = [folder_of(unit).split("/")[:-1] for unit in units]
    return "".join(f"{step}/" for step in common_start(folders))


def common_start(sequences: Sequence[Sequence[str]]) -> list[str]:
    """What all of these begin with."""
    shared = []
    for steps in zip(*sequences, strict=False):
        if len(set(steps)) > 1:
            break
        shared.append(steps[0])
    return shared


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _sorted_out(folder: Path, names: Sequence[str]) -> tuple[bool, dict[str, str]]:
    """Whether a folder holds DICOM images, and which of its DICOM files are labels, with their encoding."""
    from imedbench.io.dicom_series import header_of

    encodings = {"SEG": "dicom-seg", "RTSTRUCT": "rtstruct"}
    few = len(names) <= 3
    labelled: dict[str, str] = {}
    for name in names:
        if few or re.search(r"seg|struct|rs[._]", name.lower()):
            header = header_of(folder / name)
            encoding = encodings.get(str(header.get("Modality"))) if header is not None else None
            if encoding:
                labelled[name] = encoding
    return len(labelled) < len(names), labelled
