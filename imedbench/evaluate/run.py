"""A run: one model under one protocol on one store; resumable at the target, the same whoever does the work."""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imedbench.errors import BadResults, printable
from imedbench.evaluate.plan import DECISIVE, Plan, RunSettings, make_plan, record_of
from imedbench.evaluate.results import KEY, TABLES, Results, merge, read_run, write_run
from imedbench.evaluate.tasks import WORK, Done, Job, Task, chunks_of, give_up, piece_path, run_task
from imedbench.models.load import find_device
from imedbench.models.weights import find_weights, sha256
from imedbench.store import Store
from imedbench.workers import Workers, alone, connect

if TYPE_CHECKING:
    from distributed import Client, Future


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    done: int
    total: int
    """Targets."""
    failed: int
    """Sessions."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """How a run ended."""

    results: Results
    failed: int
    """Sessions that did."""
    skipped: tuple[str, ...]
    """Arms of the protocol whose prompts the model does not take."""
    notes: tuple[str, ...]


def evaluate(
    data: Path,
    out: Path,
    settings: RunSettings,
    *,
    workers: Workers | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> RunSummary:
    """Runs a model under a protocol on a store, or goes on with a run that was begun.

    Raises:
        UnknownName: no model, protocol, set of prompts or target has the name.
        Unavailable: the model takes none of the protocol's prompts; or ``out`` cannot be written.
        BadStore: ``data`` is no finished store, or has nothing of what is to be evaluated.
        BadResults: ``out`` holds another run, or one of a newer format.
        MissingWeights: the model's checkpoint is not here and cannot be fetched.
    """
    workers = workers or Workers()
    store = Store.open(data)
    plan = make_plan(store, settings)
    record = record_of(plan, settings, _weights(plan, settings))
    _check_place(out, record)
    with alone(out, WORK, "evaluation"):
        run = read_run(out)
        if run is None or not _whole(out, run):
            run = _carry_out(plan, record, out, settings=settings, workers=workers, progress=progress)
    results = Results.open(out)
    return RunSummary(results, run["failed"], tuple(run["skipped"]), tuple(run["notes"]))


def _weights(plan: Plan, settings: RunSettings) -> str:
    """SHA-256 of the checkpoint; empty for a model without."""
    weights = find_weights(plan.card, Path(settings.checkpoint) if settings.checkpoint else None)
    return "" if weights is None else sha256(weights)


def _check_place(out: Path, record: Mapping[str, Any]) -> None:
    """Refuses a folder that holds another run; nothing in it is touched. One that has no answer yet is none."""
    there = read_run(out)
    if there is None:
        return
    if there.get("status") == "running" and not any((out / WORK / "pieces").glob("*/*.parquet")):
        return
    if there.get("id") == record["id"]:
        begun, here = there.get("versions", {}).get("imedbench"), record["versions"]["imedbench"]
        if there.get("status") == "running" and begun != here:
            message = (
                f"{printable(out)}: this run was begun by imedbench {begun}, and this is {here}; choose another --out."
            )
            raise BadResults(message)
        return
    other = [name.removesuffix("_digest") for name in DECISIVE[1:] if there.get(name) != record[name]]
    message = f"{printable(out)}: holds a run with other {', '.join(other)}; choose another --out."
    raise BadResults(message)


def _whole(out: Path, run: Mapping[str, Any]) -> bool:
    """Whether a run is finished, and its tables are there and its own; where not, it is carried out again."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        keys = [(pq.read_schema(out / f"{table}.parquet").metadata or {}).get(KEY, b"") for table in TABLES]
    except (OSError, pa.ArrowInvalid):
        return False
    return run["status"] == "finished" and all(key.decode() == run["id"] for key in keys)


def _carry_out(
    plan: Plan,
    record: Mapping[str, Any],
    out: Path,
    *,
    settings: RunSettings,
    workers: Workers,
    progress: Callable[[Progress], None],
) -> dict[str, Any]:
    """Runs what is missing and joins all pieces; returns what `run.json` says in the end."""
    begun = {
        "status": "running",
        "started": _now(),
        "device": workers.device if workers.scheduler else find_device(workers.device),
        "failed": 0,
        "notes": [],
    }
    place = {"path": os.path.relpath(plan.store.path.resolve(), out.resolve())}
    run = {**record, **begun, "data": record["data"] | place}
    write_run(out, run)
    job = Job(
        plan.store.path.resolve(),
        out.resolve(),
        plan.card.name,
        settings.checkpoint,
        workers.device,
        plan.protocol,
        plan.arms,
        settings.across,
        settings.batch,
    )
    chunks = {subject.case: chunks_of(subject, plan.protocol, settings.batch) for subject in plan.subjects}
    notes = _work(job, chunks, workers, progress)
    for table in TABLES:
        pieces = (
            piece_path(job.out, case, number, table) for case, theirs in chunks.items() for number in range(len(theirs))
        )
        merge(pieces, out / f"{table}.parquet", table, run["id"])
    run |= {"status": "finished", "finished": _now(), "notes": notes, "failed": _failed(out)}
    write_run(out, run)
    shutil.rmtree(out / WORK / "pieces", ignore_errors=True)
    return run


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _failed(out: Path) -> int:
    """Sessions that failed."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    errors = pq.read_table(out / "turns.parquet", columns=["error"])["error"]
    count: int = pc.sum(pc.not_equal(errors, "")).as_py() or 0
    return count


def _work(
    job: Job,
    chunks: dict[str, list[tuple[int, ...]]],
    workers: Workers,
    progress: Callable[[Progress], None],
) -> list[str]:
    """Runs every chunk that has left no piece yet; returns what the user should know."""
    total = sum(len(masks) for theirs in chunks.values() for masks in theirs)
    tasks = list(_missing(job.out, chunks))
    done = total - sum(len(masks) for task in tasks for _, masks in task.chunks)
    failed = 0
    notes: list[str] = []
    progress(Progress(done, total, failed))
    if not tasks:
        return notes
    with connect(workers, job.out / WORK / "workers") as client:
        for outcome in _outcomes(client, job, tasks):
            done += outcome.targets
            failed += outcome.failed
            notes += outcome.notes
            progress(Progress(done, total, failed))
    return list(dict.fromkeys(notes))


def _missing(out: Path, chunks: dict[str, list[tuple[int, ...]]]) -> Iterator[Task]:
    for case, theirs in chunks.items():
        left = tuple(
            (number, masks)
            for number, masks in enumerate(theirs)
            if not piece_path(out, case, number, TABLES[-1]).exists()
        )
        if left:
            yield Task(case, left)


def _outcomes(client: "Client", job: Job, tasks: Sequence[Task]) -> Iterator[Done]:
    """Runs the tasks, a window of them at a time."""
    from distributed import as_completed

    waiting = iter(tasks)
    running = as_completed([], loop=client.loop)
    asked: dict[str, Task] = {}

    def submit(task: Task) -> None:
        # The job goes with each task: one kept by the workers would be lost with the last of them that dies.
        future = client.submit(run_task, job, task, key=f"evaluate-{len(asked):07d}", pure=False)
        asked[str(future.key)] = task
        running.add(future)

    for task in itertools.islice(waiting, 3 * max(1, sum(client.nthreads().values()))):
        submit(task)
    for future in running:
        yield _outcome(future, job, asked[str(future.key)])
        for task in itertools.islice(waiting, 1):
            submit(task)


def _outcome(future: "Future[Any]", job: Job, task: Task) -> Done:
    """What became of a task; where it kills every worker that takes it, its sessions have failed."""
    from distributed import KilledWorker

    try:
        done: Done = future.result()
    except KilledWorker:
        return give_up(job, task, "the worker process died of it several times (out of memory, most likely)")
    return done
