"""What is done for one subject; its folder is written first, and last a line about it."""

import hashlib
import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imedbench import __version__
from imedbench.curate.body import Scan
from imedbench.curate.classes import Classes, Version, classes
from imedbench.curate.decisions import Decision
from imedbench.curate.doubts import doubts_of
from imedbench.curate.files import CT, LABELS, LEVEL, MASKS, WORK, link, picture_path, write
from imedbench.curate.findings import Finding
from imedbench.curate.known import cleared, errors_of
from imedbench.curate.measures import labelled_share, structures
from imedbench.curate.montage import montage
from imedbench.curate.repairs import digest_of, repair_path
from imedbench.curate.rules import mended
from imedbench.curate.settings import TissueSettings
from imedbench.curate.subject import Subject, read_numbers, read_subject
from imedbench.curate.tissue import label_tissues
from imedbench.curate.upright import upright
from imedbench.curate.zones import Zones
from imedbench.errors import BadInput, ImedbenchError
from imedbench.nifti import nifti_of, turned_rai

Orientation = Literal["source", "rai"]


@dataclass(frozen=True, slots=True)
class CurateSettings:
    """What decides what comes out."""

    version: Version = "v2"
    """Of the source."""
    tissue: TissueSettings = field(default_factory=TissueSettings)
    per_class: bool = False
    """Whether to write one file a class too, as the source has them."""
    orientation: Orientation = "source"
    """Of the files: as the source's, or from right, front and below as the published TotalSeg++."""
    mend: bool = True
    """Whether what the rules find wrong is mended where that has one answer."""

    @property
    def digest(self) -> str:
        """Of these settings and the program's version."""
        told = json.dumps([asdict(self), __version__], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Task:
    """One subject that is to be curated."""

    folder: Path
    out: Path
    settings: CurateSettings
    decision: Decision = field(default_factory=Decision)

    @property
    def name(self) -> str:
        """Of the subject."""
        return self.folder.name

    @property
    def target(self) -> Path:
        """Its folder in what comes out."""
        return self.out / self.name

    @property
    def row_path(self) -> Path:
        """Of the line about it."""
        return self.out / WORK / "subjects" / f"{self.name}.json"

    @property
    def stamp(self) -> str:
        """Of settings, of what is known of the subject and was decided about it, and of its files by size and time."""
        files = [(path, path.stat()) for path in sorted(self.folder.rglob("*.nii.gz")) if path.is_file()]
        told = [(path.relative_to(self.folder).as_posix(), stat.st_size, stat.st_mtime_ns) for path, stat in files]
        errors = [error.model_dump_json() for error in errors_of(self.name, self.settings.version)]
        rejected = self.decision.verdict == "reject" and self.decision.note
        ruled = [rejected, digest_of(self.out, self.name)]
        return hashlib.sha256((self.settings.digest + json.dumps([told, errors, ruled])).encode()).hexdigest()

    @property
    def is_done(self) -> bool:
        """Whether it was finished with this stamp; what failed is tried again."""
        if not self.row_path.is_file():
            return False
        row = self.row()
        whole = "rejected" in row or (self.target / LABELS).is_file()
        return "error" not in row and row["made_of"] == self.stamp and whole

    def row(self) -> dict[str, Any]:
        """What is known of it, once it is done."""
        found: dict[str, Any] = json.loads(self.row_path.read_text("utf-8"))
        return found

    def write_row(self, facts: dict[str, Any]) -> None:
        """Ends it."""
        self.row_path.parent.mkdir(exist_ok=True)
        write(self.row_path, json.dumps({"subject": self.name, "made_of": self.stamp, **facts}).encode())


def curate_subject(task: Task) -> bool:
    """Writes what comes of one subject; whether it could be used."""
    if task.decision.verdict == "reject":
        shutil.rmtree(task.target, ignore_errors=True)
        task.write_row({"rejected": task.decision.note})
        return True
    try:
        task.write_row(_curated(task))
    except ImedbenchError as problem:
        shutil.rmtree(task.target, ignore_errors=True)
        task.write_row({"error": str(problem)})
        return False
    return True


def _curated(task: Task) -> dict[str, Any]:
    """Writes the subject's files; what is to be said of it.

    Raises:
        BadInput: it cannot be used.
    """
    settings = task.settings
    known, errors = classes(settings.version), errors_of(task.name, settings.version)
    source = read_subject(task.folder, known)
    subject, turned = upright(source, known, settings.tissue.grid_mm) if settings.mend else (source, [])
    scan = Scan.of(subject.image.voxels, subject.spacing_mm, settings.tissue)
    if not scan.body.any():
        raise BadInput(task.folder / CT, "shows no body", "give a CT of a patient, in Hounsfield units")
    right, findings = _right(scan, cleared(subject.labels, errors, known), known, mend=settings.mend)
    labels, zones = label_tissues(scan, right, known, settings.tissue)
    if (repair := repair_path(task.out, task.name)).is_file():
        labels = read_numbers(repair, subject.image, len(known.every))
    _draw(picture_path(task.out, task.name), montage(scan, labels, known))
    _write_subject(task, subject, labels, same_image=not any(each.remedy == "turned" for each in turned))
    return {
        "known_errors": [error.model_dump(mode="json", exclude={"subject", "versions"}) for error in errors],
        "findings": [asdict(finding) for finding in (*turned, *findings)],
        "repaired": repair.is_file(),
        **_measured(scan, (subject.labels, labels), zones, known),
    }


def _right(
    scan: Scan, labels: NDArray[np.uint8], known: Classes, *, mend: bool
) -> tuple[NDArray[np.uint8], Sequence[Finding]]:
    """Labels as the rules have them, or as they were with nothing but reports."""
    found, findings = mended(scan, labels, known)
    return (found, findings) if mend else (labels, [replace(finding, remedy="review") for finding in findings])


def _measured(
    scan: Scan, labels: tuple[NDArray[np.uint8], NDArray[np.uint8]], zones: Zones, known: Classes
) -> dict[str, Any]:
    """Figures before and after, and what is doubtful."""
    before, after = labels
    return {
        "labelled_before": labelled_share(before, zones.body, zones.grid),
        "labelled_after": labelled_share(after, zones.body, zones.grid),
        "structures": [asdict(each) for each in structures(scan.voxels, after, known, scan.spacing_mm)],
        "doubts": [asdict(doubt) for doubt in doubts_of(scan, after, known)],
    }


def _draw(path: Path, picture: NDArray[np.uint8]) -> None:
    from PIL import Image as Pillow

    path.parent.mkdir(exist_ok=True)
    content = io.BytesIO()
    Pillow.fromarray(picture).save(content, format="WEBP", quality=82, method=4)
    write(path, content.getvalue())


def _write_subject(task: Task, subject: Subject, labels: NDArray[np.uint8], *, same_image: bool) -> None:
    """The image, its labels and, on demand, a file a class."""
    target, rai = task.target, task.settings.orientation == "rai"
    target.mkdir(exist_ok=True)
    image = turned_rai(subject.image) if rai else subject.image
    if same_image and not rai:
        link(task.folder / CT, target / CT)
    else:
        write(target / CT, nifti_of(image.voxels, image, level=LEVEL))
    write(target / LABELS, nifti_of(labels, image, level=LEVEL))
    if task.settings.per_class:
        (target / MASKS).mkdir(exist_ok=True)
        for number, name in enumerate(classes(task.settings.version).every, 1):
            mask = (labels == number).astype(np.uint8)
            write(target / MASKS / f"{name}.nii.gz", nifti_of(mask, image, level=LEVEL))
