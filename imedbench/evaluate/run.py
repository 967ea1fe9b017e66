"""A run: one model under one protocol on one store; resumable at the target, the same whoever does the work."""

import contextlib
import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imedbench import __version__, catalog
from imedbench.errors import BadResults, BadStore, Unavailable, printable
from imedbench.evaluate.data import Subject, Subset, digest_of, nothing_of, subjects
from imedbench.evaluate.protocol import Arm, Protocol, load_protocol
from imedbench.evaluate.results import KEY, TABLES, Results, merge, read_run, write_run
from imedbench.evaluate.tables import FORMAT
from imedbench.evaluate.tasks import WORK, Across, Done, Job, Task, chunks_of, give_up, piece_path, run_task
from imedbench.models.load import find_device
from imedbench.models.weights import find_weights, sha256
from imedbench.prompts.base import Simulator
from imedbench.prompts.sets import PromptSet, load_set
from imedbench.store import Store
from imedbench.workers import Workers, alone, connect

if TYPE_CHECKING:
    from distributed import Client, Future

    from imedbench.models.base import Card


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What a user may choose; all of it is written into the results."""

    model: str
    protocol: str = "single"
    """Its id, or a YAML file."""
    prompts: str = "perfect"
    """A named set of imperfections, or a YAML file."""
    checkpoint: str = ""
    """Instead of the model's own weights."""
    subset: Subset = field(default_factory=Subset)
    across: Across = "box"
    """How a 2-D model gets through a volume."""
    batch: int = 32
    """Sessions at once."""


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
    plan = _plan(store, settings)
    _check_place(out, plan)
    with alone(out, WORK, "evaluation"):
        run = read_run(out)
        if run is None or not _whole(out, run):
            run = _carry_out(plan, out, settings, workers=workers, progress=progress)
    results = Results.open(out)
    return RunSummary(results, run["failed"], tuple(run["skipped"]), tuple(run["notes"]))


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """Everything that decides the results."""

    store: Store
    protocol: Protocol
    spoiled: PromptSet
    card: "Card"
    weights: str
    """SHA-256; empty for a model without."""
    arms: tuple[Arm, ...]
    skipped: tuple[str, ...]
    dimension: int
    subjects: list[Subject]
    record: dict[str, Any]
    """What `run.json` says from the start."""


def _plan(store: Store, settings: RunSettings) -> _Plan:
    card = catalog.card(settings.model)
    protocol, spoiled = load_protocol(settings.protocol), load_set(settings.prompts)
    weights = find_weights(card, Path(settings.checkpoint) if settings.checkpoint else None)
    checksum = "" if weights is None else sha256(weights)
    dimension, asked = _asked(store, settings.subset, _dimensions(card, protocol, settings.subset))
    flat = dimension == 3 and 3 not in card.dimensions
    taken, skipped = _taken(card, protocol)
    if flat:
        taken = _flat(card, taken, settings.across)
    arms = tuple(_mapped(arm, spoiled.spoil) for arm in taken)
    plan = _Plan(store, protocol, spoiled, card, checksum, arms, skipped, dimension, asked, {})
    plan.record.update(_record(plan, settings))
    return plan


def _taken(card: "Card", protocol: Protocol) -> tuple[list[Arm], tuple[str, ...]]:
    """The arms that the model can be asked, and the names of the others."""
    taken = [arm for arm in protocol.arms if card.sees_truth or arm.kinds <= set(card.prompts)]
    if not taken:
        asked = ", ".join(sorted(frozenset().union(*(arm.kinds for arm in protocol.arms))))
        message = (
            f"{card.name} takes {' and '.join(card.prompts)} prompts, and every arm of the protocol {protocol.id} asks "
            f"for others too ({asked}); choose another --protocol or --model."
        )
        raise Unavailable(message)
    return taken, tuple(arm.name for arm in protocol.arms if arm not in taken)


def _flat(card: "Card", arms: Sequence[Arm], across: Across) -> list[Arm]:
    """The arms as a 2-D model is asked them in a volume: where nothing is carried, the user prompts every slice."""
    carrier = {"box": "box", "point": "click"}.get(across)
    if carrier is None:
        return [_mapped(arm, lambda user: user.on_each_slice()) for arm in arms]
    if carrier not in card.prompts:
        message = f"{card.name} takes no {carrier} prompts and cannot be carried by them; choose another --across."
        raise Unavailable(message)
    return list(arms)


def _mapped(arm: Arm, change: Callable[[Simulator], Simulator]) -> Arm:
    """The arm with each of its users changed."""
    first, later = tuple(map(change, arm.first)), tuple(map(change, arm.later))
    return arm.model_copy(update={"first": first, "later": later})


def _dimensions(card: "Card", protocol: Protocol, subset: Subset) -> list[int]:
    """Of the cases that may be asked: 2 for pictures, 3 for volumes, the first that the store has.

    A 2-D model goes through volumes slice by slice where it is told to, or where a protocol is for volumes only.
    """
    if subset.on == "auto":
        both: list[int] = [each for each in (2, 3) if each in card.dimensions and each in protocol.dimensions]
        return both or [3]
    wanted = 2 if subset.on == "pictures" else 3
    for who, takes in ((card.name, (*card.dimensions, 3)), (f"the protocol {protocol.id}", protocol.dimensions)):
        if wanted not in takes:
            message = f"{who} is not for {subset.on}; leave --on to auto."
            raise Unavailable(message)
    return [wanted]


def _asked(store: Store, subset: Subset, dimensions: Sequence[int]) -> tuple[int, list[Subject]]:
    """The dimension that the store has, and its cases."""
    for dimension in dimensions:
        with contextlib.suppress(BadStore):
            return dimension, subjects(store, subset, dimension)
    raise BadStore(nothing_of(store, subset, dimensions))


def _record(plan: _Plan, settings: RunSettings) -> dict[str, Any]:
    """What was run on what; its id is the digest of all that decides the results."""
    decisive = {
        "format": FORMAT,
        "protocol_digest": plan.protocol.digest(),
        "prompts_digest": plan.spoiled.digest(),
        "model": plan.card.name,
        "weights_sha256": plan.weights,
        "data_digest": digest_of(plan.store),
        "subset": asdict(settings.subset) | {"targets": list(settings.subset.targets), "dimension": plan.dimension},
        "across": settings.across if plan.dimension == 3 and 3 not in plan.card.dimensions else "",
        "batch": settings.batch,
    }
    return decisive | {
        "id": _digest(decisive),
        "protocol": plan.protocol.model_dump(mode="json"),
        "prompts": plan.spoiled.model_dump(mode="json"),
        "card": asdict(plan.card),
        "data": {
            "name": plan.store.info.name,
            "cases": len(plan.subjects),
            "targets": sum(len(subject.masks) for subject in plan.subjects),
        },
        "skipped": list(plan.skipped),
        "versions": _versions(),
    }


def _digest(fields: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {"imedbench": __version__} | {name: version(name) for name in ("numpy", "torch", "scipy")}


def _check_place(out: Path, plan: _Plan) -> None:
    """Refuses a folder that holds another run; nothing in it is touched. One that has no answer yet is none."""
    there = read_run(out)
    if there is None:
        return
    if there.get("status") == "running" and not any((out / WORK / "pieces").glob("*/*.parquet")):
        return
    if there.get("id") == plan.record["id"]:
        begun, here = there.get("versions", {}).get("imedbench"), plan.record["versions"]["imedbench"]
        if there.get("status") == "running" and begun != here:
            message = (
                f"{printable(out)}: this run was begun by imedbench {begun}, and this is {here}; choose another --out."
            )
            raise BadResults(message)
        return
    names = ("protocol_digest", "prompts_digest", "model", "weights_sha256", "data_digest", "subset", "across", "batch")
    other = [name.removesuffix("_digest") for name in names if there.get(name) != plan.record[name]]
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
    plan: _Plan, out: Path, settings: RunSettings, *, workers: Workers, progress: Callable[[Progress], None]
) -> dict[str, Any]:
    """Runs what is missing and joins all pieces; returns what `run.json` says in the end."""
    begun = {
        "status": "running",
        "started": _now(),
        "device": workers.device if workers.scheduler else find_device(workers.device),
        "failed": 0,
        "notes": [],
    }
    run = plan.record | begun
    run["data"] |= {"path": os.path.relpath(plan.store.path.resolve(), out.resolve())}
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
