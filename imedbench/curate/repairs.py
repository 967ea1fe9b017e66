"""Labels repaired by hand: handed out to ITK-SNAP or 3D Slicer, and taken back with a record of what was changed."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imedbench.curate.classes import Classes
from imedbench.curate.colours import colour_tables
from imedbench.curate.files import CT, LABELS, LEVEL, write
from imedbench.curate.subject import read_numbers
from imedbench.errors import BadInput
from imedbench.io.images import read_image
from imedbench.nifti import nifti_of

REPAIRS = "repairs"
_FREE = "(none)"


@dataclass(frozen=True, slots=True)
class Edit:
    """Voxels that were given another label."""

    was: str
    now: str
    ml: float


def repair_path(out: Path, subject: str) -> Path:
    """Where a subject's repaired labels are kept, if there are any."""
    return out / REPAIRS / f"{subject}.nii.gz"


def digest_of(out: Path, subject: str) -> str:
    """Of a subject's repair; empty without one."""
    path = repair_path(out, subject)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def hand_out(out: Path, subjects: Sequence[str], folder: Path, classes: Classes) -> list[Path]:
    """Copies subjects of a curated data set to folders of their own, with tables of names and colours beside them.

    Raises:
        BadInput: a subject is not there, or was handed out to this folder before.
    """
    found = []
    for name in subjects:
        if not (out / name / LABELS).is_file():
            raise BadInput(out / name, f"holds no {LABELS}", "name a subject of the curated data; see subjects.jsonl")
        if (folder / name).exists():
            raise BadInput(
                folder / name, "is there already", "take it back, or remove it, before it is handed out anew"
            )
        (folder / name).mkdir(parents=True)
        for file in (CT, LABELS):
            shutil.copyfile(out / name / file, folder / name / file)
        found.append(folder / name)
    for file, text in colour_tables(classes).items():
        write(folder / file, text.encode())
    return found


def take_back(out: Path, folder: Path, classes: Classes) -> dict[str, list[Edit]]:
    """Keeps labels that were repaired, and what was changed; the next run of the curation uses them.

    Returns:
        The edits of each subject in ``folder``, in order of their names; none where nothing was changed.

    Raises:
        BadInput: a file cannot be used, lies on another grid, or is of no subject of the data; nothing is kept then.
    """
    names = sorted(path.parent.name for path in folder.glob(f"*/{LABELS}"))
    if not names:
        raise BadInput(
            folder, f"no folder in it holds {LABELS}", "name the folder that the subjects were handed out to"
        )
    changed = {name: _compared(out / name, folder / name / LABELS, classes) for name in names}
    for name, (content, edits) in changed.items():
        if edits:
            (out / REPAIRS).mkdir(exist_ok=True)
            before = hashlib.sha256((out / name / LABELS).read_bytes()).hexdigest()
            told = {"subject": name, "repaired": before, "edits": [asdict(edit) for edit in edits]}
            record = out / REPAIRS / f"{name}.jsonl"
            earlier = record.read_text("utf-8") if record.is_file() else ""
            write(repair_path(out, name), content)
            write(record, f"{earlier}{json.dumps(told)}\n".encode())
    return {name: edits for name, (_, edits) in changed.items()}


def _compared(subject: Path, edited: Path, classes: Classes) -> tuple[bytes, list[Edit]]:
    """The repaired labels as a file on the subject's grid, and what is new in them."""
    if not (subject / LABELS).is_file():
        raise BadInput(edited, f"is of no subject of {subject.parent}", "name the data set that it was handed out from")
    image = read_image(subject / LABELS)
    was = image.voxels.astype(np.uint8)
    now = read_numbers(edited, image, len(classes.every))
    return nifti_of(now, image, level=LEVEL), _edits(
        was, now, (_FREE, *classes.every), float(np.prod(image.spacing_mm))
    )


def _edits(was: NDArray[np.uint8], now: NDArray[np.uint8], names: Sequence[str], voxel_mm3: float) -> list[Edit]:
    """The largest first."""
    counts = np.zeros((256, 256), np.int64)
    for before, after in zip(was, now, strict=True):
        moved = before != after
        np.add.at(counts, (before[moved], after[moved]), 1)
    found = [Edit(names[a], names[b], float(counts[a, b] * voxel_mm3 / 1000)) for a, b in np.argwhere(counts).tolist()]
    return sorted(found, key=lambda edit: -edit.ml)
