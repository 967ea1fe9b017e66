"""Files of a curated data set, written whole or not at all."""

import os
import shutil
from pathlib import Path

CT, MASKS, LABELS = "ct.nii.gz", "segmentations", "labels.nii.gz"
"""Of a subject's folder: the image; a folder of one file a class; or a single file of all classes instead."""
WORK = ".curate"
META, NAMES, PROVENANCE, SUMMARY = "meta.csv", "labels.json", "provenance.json", "subjects.jsonl"
"""Of the data set: the source's own table, names of numbers, how it was made, a line a subject."""
LEVEL = 1
"""Of gzip, for labels: they are small at any."""


def picture_path(out: Path, subject: str) -> Path:
    """Of the slices of a subject."""
    return out / WORK / "pictures" / f"{subject}.webp"


def write(path: Path, content: bytes) -> None:
    """All or nothing."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)


def link(path: Path, target: Path) -> None:
    """The same file in another place, at no cost where both are on one disk."""
    target.unlink(missing_ok=True)
    try:
        os.link(path.resolve(), target)
    except OSError:
        shutil.copyfile(path, target)
