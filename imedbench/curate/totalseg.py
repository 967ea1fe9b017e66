"""TotalSeg++: TotalSegmentator's CTs with muscle and fat, nearly fully labelled.

One subject is one task. A task writes the subject's folder and, last, a line about it; so a run may be killed at any
time, and what comes out depends neither on the number of workers nor on their order.
"""

import itertools
import json
import shutil
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imedbench import __version__
from imedbench.curate.classes import TISSUES, classes
from imedbench.curate.decisions import Decision, read_decisions
from imedbench.curate.files import META, NAMES, PROVENANCE, SUMMARY, WORK, write
from imedbench.curate.subject import find_subjects
from imedbench.curate.task import CurateSettings, Task, curate_subject
from imedbench.errors import printable
from imedbench.workers import Workers, alone, connect

if TYPE_CHECKING:
    from distributed import Client


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

    @property
    def rejected(self) -> list[dict[str, Any]]:
        """Subjects that were left out because somebody decided so."""
        return [row for row in self.rows if "rejected" in row]

    @property
    def curated(self) -> list[dict[str, Any]]:
        """Subjects that there are in what came out."""
        return [row for row in self.rows if "error" not in row and "rejected" not in row]


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
    folders, decisions = find_subjects(source), read_decisions(out)
    with alone(out, WORK, "curation"):
        tasks = [Task(folder, out, settings, decisions.get(folder.name, Decision())) for folder in folders]
        waiting = [task for task in tasks if not task.is_done]
        if waiting:
            with connect(workers or Workers(), out / WORK / "workers") as client:
                _run(client, waiting, _counting(progress, len(tasks), len(waiting)))
        rows = tuple(task.row() for task in tasks)
        _finish(source, out, settings, rows)
    return CurateSummary(out, rows)


def _counting(progress: Callable[[Progress], None], total: int, waiting: int) -> Callable[[int, int], None]:
    def tell(done: int, problems: int) -> None:
        progress(Progress(total - waiting + done, total, problems))

    tell(0, 0)
    return tell


def _run(client: "Client", tasks: Sequence[Task], progress: Callable[[int, int], None]) -> None:
    """A few subjects at a time: memory does not grow with their number."""
    from distributed import KilledWorker, as_completed

    running = as_completed([], loop=client.loop)
    owners: dict[Any, Task] = {}
    waiting: Iterator[Task] = iter(tasks)
    problems = 0

    def submit(count: int) -> None:
        for task in itertools.islice(waiting, count):
            future = client.submit(curate_subject, task, key=f"curate-{task.name}", pure=False)
            owners[future.key] = task
            running.add(future)

    submit(2 * max(1, sum(client.nthreads().values())))
    for done, future in enumerate(running, 1):
        task = owners.pop(future.key)
        try:
            problems += not future.result()
        except KilledWorker:
            fact = "reading it ended the worker process several times, out of memory most likely"
            task.write_row({"error": f"{printable(task.folder)}: {fact}; run it alone with --workers 1."})
            problems += 1
        except OSError:
            # A disk that is full or gone: no fault of the subject, and the others would fare no better.
            raise
        except Exception as problem:  # noqa: BLE001 - one subject's fault is kept with it; the others go on
            task.write_row(_unforeseen(task, problem))
            problems += 1
        progress(done, problems)
        submit(1)


def _unforeseen(task: Task, problem: Exception) -> dict[str, Any]:
    """What is kept of a fault that is the program's own."""
    fact = f"{printable(task.folder)}: {type(problem).__name__}: {problem}"
    remedy = "This is a fault of imedbench: report it with the traceback that is kept in subjects.jsonl."
    return {"error": f"{fact}. {remedy}", "traceback": "".join(traceback.format_exception(problem))}


def _finish(source: Path, out: Path, settings: CurateSettings, rows: Sequence[dict[str, Any]]) -> None:
    """What is known of the whole: names, provenance, the split as it was published, a line a subject."""
    every = classes(settings.version).every
    write(out / NAMES, json.dumps({str(number): name for number, name in enumerate(every, 1)}, indent=1).encode())
    told = {
        "source": str(source),
        "imedbench": __version__,
        "settings": asdict(settings),
        "tissues": list(TISSUES),
    }
    write(out / PROVENANCE, json.dumps(told, indent=1).encode())
    write(out / SUMMARY, "".join(json.dumps(row) + "\n" for row in rows).encode())
    if (source / META).is_file():
        shutil.copyfile(source / META, out / META)
