"""TotalSeg++: TotalSegmentator's CTs with muscle and fat, nearly fully labelled.

One subject is one task. A task writes the subject's folder and, last, a line about it; so a run may be killed at any
time, and what comes out depends neither on the number of workers nor on their order.
"""

import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from imedbench import __version__
from imedbench.curate.classes import TISSUES, Version, classes
from imedbench.curate.known import cleared, errors_of
from imedbench.curate.measures import labelled_share, structures
from imedbench.curate.settings import TissueSettings
from imedbench.curate.subject import CT, LABELS, MASKS, Subject, find_subjects, read_subject
from imedbench.curate.tissue import label_tissues
from imedbench.errors import ImedbenchError, printable
from imedbench.nifti import nifti_of, turned_rai
from imedbench.workers import Workers, alone, connect

if TYPE_CHECKING:
    from distributed import Client

WORK = ".curate"
META, NAMES, PROVENANCE, SUMMARY = "meta.csv", "labels.json", "provenance.json", "subjects.jsonl"
_LEVEL = 1
"""Of gzip, for labels: they are small at any."""
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

    @property
    def digest(self) -> str:
        """Of these settings and the program's version."""
        told = json.dumps([asdict(self), __version__], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    done: int
    total: int
    problems: int


@dataclass(frozen=True, slots=True)
class CurateSummary:
    """How a run ended."""

    out: Path
    rows: tuple[dict[str, Any], ...]
    """What is known of each subject, in order of their names."""

    @property
    def problems(self) -> list[dict[str, Any]]:
        """Subjects that could not be used."""
        return [row for row in self.rows if "error" in row]


def curate(
    source: Path,
    out: Path,
    settings: CurateSettings,
    *,
    workers: Workers | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> CurateSummary:
    """Writes the data set, or goes on with one that was begun.

    Raises:
        BadInput: there is no subject in ``source``.
        Unavailable: ``out`` cannot be written, or the scheduler is not there.
    """
    folders = find_subjects(source)
    with alone(out, WORK, "curation"):
        waiting = [folder for folder in folders if not _is_done(out, folder, settings)]
        if waiting:
            with connect(workers or Workers(), out / WORK / "workers") as client:
                _run(client, waiting, out, settings, progress=_counting(progress, len(folders), len(waiting)))
        rows = tuple(json.loads(_row_path(out, folder).read_text("utf-8")) for folder in folders)
        _finish(source, out, settings, rows)
    return CurateSummary(out, rows)


def _counting(progress: Callable[[Progress], None], total: int, waiting: int) -> Callable[[int, int], None]:
    def tell(done: int, problems: int) -> None:
        progress(Progress(total - waiting + done, total, problems))

    tell(0, 0)
    return tell


def _run(
    client: "Client",
    folders: Sequence[Path],
    out: Path,
    settings: CurateSettings,
    *,
    progress: Callable[[int, int], None],
) -> None:
    """A few subjects at a time: memory does not grow with their number."""
    from distributed import KilledWorker, as_completed

    running = as_completed([], loop=client.loop)
    owners: dict[Any, Path] = {}
    waiting: Iterator[Path] = iter(folders)
    problems = 0

    def submit(count: int) -> None:
        for folder in itertools.islice(waiting, count):
            future = client.submit(curate_subject, folder, out, settings, key=f"curate-{folder.name}", pure=False)
            owners[future.key] = folder
            running.add(future)

    submit(2 * max(1, sum(client.nthreads().values())))
    for done, future in enumerate(running, 1):
        folder = owners.pop(future.key)
        try:
            problems += not future.result()
        except KilledWorker:
            fact = "reading it ended the worker process several times, out of memory most likely"
            _write_row(out, folder, settings, {"error": f"{printable(folder)}: {fact}; run it alone with --workers 1."})
            problems += 1
        progress(done, problems)
        submit(1)


def curate_subject(folder: Path, out: Path, settings: CurateSettings) -> bool:
    """Writes what comes of one subject; whether it could be used."""
    known, errors = classes(settings.version), errors_of(folder.name, settings.version)
    try:
        subject = read_subject(folder, known)
        voxels, spacing_mm = subject.image.voxels, subject.spacing_mm
        right = cleared(subject.labels, errors, known)
        labels, zones = label_tissues(voxels, right, known, spacing_mm=spacing_mm, settings=settings.tissue)
    except ImedbenchError as problem:
        shutil.rmtree(out / folder.name, ignore_errors=True)
        _write_row(out, folder, settings, {"error": str(problem)})
        return False
    _write_subject(folder, out / folder.name, subject, labels, settings=settings)
    row: dict[str, Any] = {
        "known_errors": [error.model_dump(mode="json", exclude={"subject", "versions"}) for error in errors],
        "labelled_before": labelled_share(subject.labels, zones.body, zones.grid),
        "labelled_after": labelled_share(labels, zones.body, zones.grid),
        "structures": [asdict(each) for each in structures(voxels, labels, known, spacing_mm)],
    }
    _write_row(out, folder, settings, row)
    return True


def _write_subject(folder: Path, target: Path, subject: Subject, labels: Any, *, settings: CurateSettings) -> None:
    """The image, its labels and, on demand, a file a class."""
    target.mkdir(exist_ok=True)
    image = turned_rai(subject.image) if settings.orientation == "rai" else subject.image
    if settings.orientation == "rai":
        _write(target / CT, nifti_of(image.voxels, image, level=_LEVEL))
    else:
        _link(folder / CT, target / CT)
    _write(target / LABELS, nifti_of(labels, image, level=_LEVEL))
    if settings.per_class:
        (target / MASKS).mkdir(exist_ok=True)
        for number, name in enumerate(classes(settings.version).every, 1):
            _write(
                target / MASKS / f"{name}.nii.gz", nifti_of((labels == number).astype(np.uint8), image, level=_LEVEL)
            )


def _link(path: Path, target: Path) -> None:
    """The same file in another place, at no cost where both are on one disk."""
    target.unlink(missing_ok=True)
    try:
        os.link(path.resolve(), target)
    except OSError:
        shutil.copyfile(path, target)


def _write(path: Path, content: bytes) -> None:
    """All or nothing."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)


def _row_path(out: Path, folder: Path) -> Path:
    return out / WORK / "subjects" / f"{folder.name}.json"


def _write_row(out: Path, folder: Path, settings: CurateSettings, facts: dict[str, Any]) -> None:
    path = _row_path(out, folder)
    path.parent.mkdir(exist_ok=True)
    row = {"subject": folder.name, "made_of": _stamp(folder, settings), **facts}
    _write(path, json.dumps(row).encode())


def _is_done(out: Path, folder: Path, settings: CurateSettings) -> bool:
    """Whether the subject was finished with these settings and these files; what failed is tried again."""
    path = _row_path(out, folder)
    if not path.is_file():
        return False
    row = json.loads(path.read_text("utf-8"))
    return "error" not in row and row["made_of"] == _stamp(folder, settings) and (out / folder.name / LABELS).is_file()


def _stamp(folder: Path, settings: CurateSettings) -> str:
    """Of settings, of what is known of the subject, and of its files by size and time."""
    files = sorted(path for path in folder.rglob("*.nii.gz") if path.is_file())
    told = [(path.relative_to(folder).as_posix(), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    errors = [error.model_dump_json() for error in errors_of(folder.name, settings.version)]
    return hashlib.sha256((settings.digest + json.dumps([told, errors])).encode()).hexdigest()


def _finish(source: Path, out: Path, settings: CurateSettings, rows: Sequence[dict[str, Any]]) -> None:
    """What is known of the whole: names, provenance, the split as it was published, a line a subject."""
    every = classes(settings.version).every
    _write(out / NAMES, json.dumps({str(number): name for number, name in enumerate(every, 1)}, indent=1).encode())
    told = {
        "source": str(source),
        "imedbench": __version__,
        "settings": asdict(settings),
        "tissues": list(TISSUES),
    }
    _write(out / PROVENANCE, json.dumps(told, indent=1).encode())
    _write(out / SUMMARY, "".join(json.dumps(row) + "\n" for row in rows).encode())
    if (source / META).is_file():
        shutil.copyfile(source / META, out / META)
