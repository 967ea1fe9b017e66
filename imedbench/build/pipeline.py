"""The build: the only place where tasks meet workers.

Tasks are small, ordered and idempotent. A task leaves one file; a part is assembled from its tasks' files in their
order and appears in the store at once. So a build may be killed at any time, and the store does not depend on the
number of workers or the order in which they finish.
"""

import itertools
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imedbench import __version__
from imedbench.build.plan import (
    Found,
    Part,
    Plan,
    Source,
    check_sources,
    digest_of,
    load_parts,
    make_plan,
    save_plan,
    survey,
)
from imedbench.build.splits import surplus
from imedbench.build.staging import Piece, save_piece
from imedbench.build.tasks import WORK, BuildSettings, Task, assemble, notes_path, piece_path, run_task
from imedbench.errors import Unavailable
from imedbench.store import Store, StoreInfo, create_store, finish_store, finished_parts, part_cases
from imedbench.workers import Workers, alone, connect

if TYPE_CHECKING:
    from distributed import Client, Future


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build is."""

    stage: str
    """survey, images or finish."""
    done: int
    total: int
    """0 while unknown."""
    problems: int


@dataclass(frozen=True, slots=True)
class BuildSummary:
    """How a build ended."""

    store: Path
    report: Path
    problems: tuple[dict[str, str], ...]


def build_store(
    sources: Sequence[Source],
    out: Path,
    settings: BuildSettings,
    *,
    workers: Workers | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> BuildSummary:
    """Builds the store, or goes on with one that was begun.

    Raises:
        BadStore: ``out`` holds a store that was begun with other recipes or settings.
        BadRecipe: the sources cannot share a store.
        MissingWeights: the model's checkpoint is not here and cannot be fetched.
        Unavailable: the device or the scheduler is not there, or ``out`` holds other files, cannot be written, or is
            being written by another build.
    """
    workers = workers or Workers()
    check_sources(sources)
    _check_crew(settings, workers)
    digest = digest_of(sources, asdict(settings))
    with alone(out, WORK, "build"):
        earlier = load_parts(out / WORK / "plan.json", digest) if _begun(out) else []
        plan = make_plan(_counted(survey(sources), progress), earlier, _failed(out, earlier, sources))
        create_store(out, _info(sources, settings))
        save_plan(out / WORK / "plan.json", plan, digest)
        done = finished_parts(out)
        missing = [part for part in plan.parts if part.number not in done]
        if missing:
            with connect(workers, out / WORK / "workers") as client:
                _Crew(client, plan, _Job(tuple(sources), out, settings, workers, progress)).run(missing)
        problems = _finish(out, plan, sources, settings)
        return BuildSummary(out, _report(out, progress), problems)


def _failed(out: Path, earlier: Sequence[Part], sources: Sequence[Source]) -> dict[tuple[int, str], float]:
    """Studies that finished parts had to leave out, by source and id, and when they did."""
    numbers = {source.recipe.name: number for number, source in enumerate(sources)}
    done = finished_parts(out)
    failed = {}
    for path in (notes_path(out, part) for part in earlier if part.number in done):
        for problem in json.loads(path.read_text())["problems"]:
            name, _, study = problem["study"].partition("/")
            failed[numbers[name], study] = path.stat().st_mtime
    return failed


def _begun(out: Path) -> bool:
    """Whether anything was finished here that other recipes or settings would contradict."""
    return bool(finished_parts(out)) or any((out / WORK).glob("*/*.npz"))


def _check_crew(settings: BuildSettings, workers: Workers) -> None:
    """Refuses at once what every worker would refuse later; what is to be downloaded is fetched once.

    Machines behind a scheduler have devices and files of their own, and answer for themselves.
    """
    from imedbench import catalog
    from imedbench.models.load import find_device
    from imedbench.models.weights import find_weights

    if workers.scheduler:
        if not re.search(r"://|:\d+$", workers.scheduler):
            message = f"{workers.scheduler}: is no address of a scheduler; give one such as tcp://host:8786."
            raise Unavailable(message)
        return
    find_device(workers.device)
    proposals = settings.proposals
    if proposals is not None:
        find_weights(catalog.card(proposals.model), Path(proposals.checkpoint) if proposals.checkpoint else None)


class _Crew:
    """Hands tasks to the workers, a window of them at a time: memory does not grow with the size of the build."""

    def __init__(self, client: "Client", plan: Plan, job: "_Job") -> None:
        from distributed import as_completed

        self.client, self.plan, self.job = client, plan, job
        self.running = as_completed([], loop=client.loop)
        self.tasks: dict[Any, tuple[Part, Task]] = {}
        self.left: dict[int, int] = {}
        self.done = 0
        self.problems = len(plan.problems)

    def run(self, parts: Sequence[Part]) -> None:
        """Runs all tasks of the parts and assembles each part when its last task is in."""
        self.done = self.plan.images - sum(part.images for part in parts)
        self._tell()
        waiting = ((part, task) for part in parts for task in self._tasks(part))
        window = 3 * max(1, sum(self.client.nthreads().values()))
        for part, task in itertools.islice(waiting, window):
            self._submit(part, task)
        for future in self.running:
            self._collect(future)
            for part, task in itertools.islice(waiting, 1):
                self._submit(part, task)

    def _tasks(self, part: Part) -> list[Task]:
        """The tasks of a part, without the studies that have gone since it was planned."""
        studies = self.plan.studies
        job = self.job
        tasks = [
            Task(
                piece_path(job.out, part, number),
                tuple((studies[key], bite) for bite in bites if (key := (bite.source, bite.study)) in studies),
                job.sources,
                job.settings,
                job.workers.device,
            )
            for number, bites in enumerate(part.tasks)
        ]
        self.left[part.number] = len(tasks)
        return tasks

    def _submit(self, part: Part, task: Task) -> None:
        future = self.client.submit(run_task, task, key=f"prepare-{part.number:05d}-{task.target.stem}", pure=False)
        self.tasks[future.key] = part, task
        self.running.add(future)

    def _collect(self, future: "Future[Any]") -> None:
        if future.key not in self.tasks:
            future.result()
            return
        part, task = self.tasks.pop(future.key)
        self.problems += _outcome(future, task)
        self.done += sum(bite.images for _, bite in task.bites)
        self._tell()
        self.left[part.number] -= 1
        if not self.left[part.number]:
            del self.left[part.number]
            key = f"assemble-{part.number:05d}"
            assembly = self.client.submit(assemble, self.job.out, part, key=key, pure=False)
            self.running.add(assembly)

    def _tell(self) -> None:
        self.job.progress(Progress("images", self.done, self.plan.images, self.problems))


@dataclass(frozen=True, slots=True)
class _Job:
    sources: tuple[Source, ...]
    out: Path
    settings: BuildSettings
    workers: Workers
    progress: Callable[[Progress], None]


def _outcome(future: "Future[Any]", task: Task) -> int:
    """How many studies of the task failed; all of them where the task kills every worker that takes it."""
    from distributed import KilledWorker

    try:
        return int(future.result())
    except KilledWorker:
        problems = [
            {
                "study": task.sources[found.source].study_name(found.study),
                "path": str(found.study.images[0]),
                "error": f"{found.study.images[0]}: reading it ended the worker process several times (out of memory, "
                "most likely); build it alone with --workers 1, or leave it out.",
            }
            for found, _ in task.bites
        ]
        save_piece(task.target, Piece([], problems))
        return len(problems)


def _finish(out: Path, plan: Plan, sources: Sequence[Source], settings: BuildSettings) -> tuple[dict[str, str], ...]:
    """Declares the store complete; returns the studies that could not be used."""
    problems = list(plan.problems)
    last = {
        f"{sources[bite.source].recipe.name}/{bite.study}": part.number
        for part in plan.parts
        for task in part.tasks
        for bite in task
    }
    counts: Counter[str] = Counter()
    strangers: Counter[str] = Counter()
    for part in plan.parts:
        notes = json.loads(notes_path(out, part).read_text())
        # A study that was repaired comes in a later part; what that says of it counts.
        problems.extend(problem for problem in notes["problems"] if last[problem["study"]] == part.number)
        counts += Counter(notes["counts"])
        strangers += Counter(notes["strangers"])
    problems.extend(_gone(out, plan, sources, {problem["study"] for problem in problems}))
    create_store(out, _info(sources, settings, counts=dict(counts), strangers=dict(strangers)))
    finish_store(out, problems, _surplus(out, plan, sources))
    # What is left of dask's files, and of parts whose worker died before it could tidy up.
    for leftover in (out / WORK).glob("*/"):
        shutil.rmtree(leftover, ignore_errors=True)
    return tuple(problems)


def _surplus(out: Path, plan: Plan, sources: Sequence[Source]) -> set[str]:
    """Test pictures beyond the limit of their set; only those are held in memory that compete for a place."""
    tested: dict[str, list[str]] = {}
    for part in plan.parts:
        for case in part_cases(out, part.number, ("id", "dataset", "split", "ndim")):
            if case["split"] == "test" and case["ndim"] == 2:
                tested.setdefault(case["dataset"], []).append(case["id"])
    most = {source.recipe.name: source.recipe.split.max_test for source in sources}
    return {case for dataset, cases in tested.items() for case in surplus(dataset, cases, most[dataset])}


def _report(out: Path, progress: Callable[[Progress], None]) -> Path:
    """Writes the page and the Croissant description of a finished store; returns the page."""
    from imedbench.report.store import write_report
    from imedbench.store.croissant import write_croissant

    store = Store.open(out)
    page = out / "report.html"
    write_report(store, page, advance=lambda done, total: progress(Progress("finish", done, total, 0)))
    write_croissant(out)
    return page


def _gone(out: Path, plan: Plan, sources: Sequence[Source], failed: Container[str]) -> Iterator[dict[str, str]]:
    """Studies that an earlier run planned for, that are no longer there, and that did not come into the store."""
    planned = {(bite.source, bite.study) for part in plan.parts for task in part.tasks for bite in task}
    lost = sorted(f"{sources[source].recipe.name}/{study}" for source, study in planned - set(plan.studies))
    stored = {case["study"] for part in plan.parts for case in part_cases(out, part.number, ("study",))} if lost else ()
    for study in lost:
        if study not in failed and study not in stored:
            yield {
                "study": study,
                "path": study,
                "error": f"{study}: its files went before the build had read them; put them back and build anew.",
            }


def _info(sources: Sequence[Source], settings: BuildSettings, **facts: dict[str, int]) -> StoreInfo:
    return StoreInfo(
        name=settings.name,
        recipe={source.recipe.name: source.recipe.model_dump(mode="json") for source in sources},
        settings={"build": asdict(settings), **facts},
        version={"imedbench": __version__},
    )


def _counted(found: Iterator[Any], progress: Callable[[Progress], None]) -> Iterator[Any]:
    problems = 0
    for number, study in enumerate(found, 1):
        problems += not isinstance(study, Found)
        progress(Progress("survey", number, 0, problems))
        yield study
