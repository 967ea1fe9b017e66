"""What a worker does: prepare the bites of a task, or put a part together from its tasks' files."""

import json
import logging
import shutil
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imedbench.build.plan import Bite, Found, Part, Source, planes_in
from imedbench.build.prepare import Preparation
from imedbench.build.proposals import ProposalSettings
from imedbench.build.staging import Piece, load_piece, save_piece
from imedbench.errors import BadInput, ImedbenchError
from imedbench.layout import peek_study
from imedbench.models import load
from imedbench.store import PartWriter, finished_parts
from imedbench.workers import one_thread, own_device

if TYPE_CHECKING:
    from imedbench.models.base import Model

WORK = ".build"


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """What a user may choose besides the recipe; all of it is written into the store."""

    name: str = "store"
    proposals: ProposalSettings | None = None
    """None for no generated masks."""
    published: bool = True
    """Take interactive masks that come with the data where there are some."""


@dataclass(frozen=True, slots=True)
class Task:
    """All a worker needs to know."""

    target: Path
    bites: tuple[tuple[Found, Bite], ...]
    sources: tuple[Source, ...]
    settings: BuildSettings
    device: str


def run_task(task: Task) -> int:
    """Prepares the bites of a task and leaves them in its file; returns how many studies failed."""
    if task.target.exists():
        return 0
    one_thread()
    records, problems = [], []
    dropped: Counter[str] = Counter()
    strangers: Counter[str] = Counter()
    for found, bite in task.bites:
        source = task.sources[bite.source]
        name = source.study_name(found.study)
        settings = task.settings
        model = load_model(settings.proposals, own_device(task.device)) if settings.proposals else None
        preparation = Preparation(source.recipe, settings.proposals, model, settings.published)
        try:
            planes = planes_in(peek_study(found.study), source.recipe)[bite.first : bite.last]
            records.extend(preparation.records(found.study, planes))
        except BadInput as problem:
            problems.append({"study": name, "path": problem.path, "error": str(problem)})
        except ImedbenchError:
            raise
        except Exception as error:
            # A study that fails in a way nobody thought of must not end the build.
            logging.getLogger(__name__).debug("study %s failed", found.study.id, exc_info=True)
            problems.append(_unforeseen(name, found, error))
        dropped += preparation.dropped
        strangers += preparation.strangers
    save_piece(task.target, Piece(records, problems, dropped, strangers))
    return len(problems)


def _unforeseen(name: str, found: Found, error: Exception) -> dict[str, str]:
    sentence = (
        f"{found.study.images[0]}: an error that imedbench does not know ({type(error).__name__}: {error}); "
        "check the file with the tool that wrote it, and report it if the file is sound."
    )
    return {"study": name, "path": str(found.study.images[0]), "error": sentence}


def assemble(out: Path, part: Part) -> None:
    """Writes one part from the files of its tasks and removes them; a part that is there is left as it is."""
    # A worker may die after its part appeared and before it could say so; another then takes its task.
    if part.number not in finished_parts(out):
        _put_together(out, part)
    shutil.rmtree(piece_path(out, part, 0).parent, ignore_errors=True)


def _put_together(out: Path, part: Part) -> None:
    pieces = [piece_path(out, part, task) for task in range(len(part.tasks))]
    failed: set[str] = set()
    tally: dict[str, Any] = {"problems": [], "counts": Counter(), "strangers": Counter()}
    for path in pieces:
        piece = load_piece(path)
        tally["problems"].extend(problem for problem in piece.problems if problem["study"] not in failed)
        failed |= {problem["study"] for problem in piece.problems}
        tally["counts"] += Counter(piece.counts)
        tally["strangers"] += Counter(piece.strangers)
    _write(notes_path(out, part), tally)
    with PartWriter(out, part.number) as writer:
        for record in (record for path in pieces for record in load_piece(path).records):
            if record.case.study not in failed:
                writer.add(record)


def piece_path(out: Path, part: Part, task: int) -> Path:
    """The file that a task of a part leaves."""
    return out / WORK / f"{part.number:05d}" / f"{task:05d}.npz"


def notes_path(out: Path, part: Part) -> Path:
    """The file that keeps what happened while a part was built: problems and counts."""
    return out / WORK / f"{part.number:05d}.json"


def _write(path: Path, tally: dict[str, Any]) -> None:
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(tally))
    unfinished.replace(path)


@lru_cache(maxsize=1)
def load_model(settings: ProposalSettings, device: str) -> "Model":
    """The model that proposes masks; loaded once a process."""
    checkpoint = Path(settings.checkpoint) if settings.checkpoint else None
    return load(settings.model, checkpoint, device)
