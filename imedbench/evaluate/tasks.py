"""What a worker does: one case, all its targets under all arms of a protocol."""

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Literal, TypeAlias

from imedbench.evaluate.data import Subject
from imedbench.evaluate.guard import Guard
from imedbench.evaluate.loop import Dialogue, Goal, interact
from imedbench.evaluate.protocol import Arm, Protocol
from imedbench.evaluate.scoring import Identity, Row, Scored, Scorer, gate_cases, score_rows, turn_rows
from imedbench.evaluate.tables import schema
from imedbench.models.base import Model, Session
from imedbench.store import Store
from imedbench.types import Case
from imedbench.workers import one_thread, own_device

if TYPE_CHECKING:
    from imedbench.targets import Vocabulary

WORK = ".eval"
BYTES_AT_ONCE = 3 * 2**30
"""Of the masks of a batch's sessions: for each voxel the logits of this turn and the last, and a guess a turn."""
Across = Literal["box", "point", "slices"]
Chunks: TypeAlias = tuple[tuple[int, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class Job:
    """What all tasks of a run share."""

    store: Path
    out: Path
    model: str
    checkpoint: str
    device: str
    protocol: Protocol
    arms: tuple[Arm, ...]
    """Of the protocol, those that the model takes, with the users spoiled as asked."""
    across: Across
    """How a 2-D model gets through a volume: see `imedbench.models.slicewise`; ``slices`` has the user prompt each."""
    batch: int
    """Sessions at once, at most."""


@dataclass(frozen=True, slots=True)
class Task:
    """A case and the chunks of its targets that are still to be asked."""

    case: str
    chunks: Chunks
    """Number of the chunk in the case, and the numbers of its masks."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a task."""

    targets: int
    failed: int
    """Sessions."""
    notes: tuple[str, ...]
    """What the user should know: batches that were halved."""


def chunks_of(subject: Subject, protocol: Protocol, batch: int) -> list[tuple[int, ...]]:
    """Targets of a case in the groups that are kept together: as few as can be, so that a kill loses little."""
    masks = subject.masks
    if any(spec.gate is not None and spec.gate.over == "case" for spec in protocol.metrics):
        return [masks]
    at_once = max(1, _at_once(subject.voxels, protocol.arms, batch) // len(protocol.arms))
    return [tuple(masks[start : start + at_once]) for start in range(0, len(masks), at_once)]


def _at_once(voxels: int, arms: Sequence[Arm], batch: int) -> int:
    """Sessions to be led at once."""
    size = voxels * (8 + max(arm.turns for arm in arms))
    return max(1, min(batch, BYTES_AT_ONCE // size))


def piece_path(out: Path, case: str, chunk: int, table: str) -> Path:
    """The file that a chunk leaves."""
    name = hashlib.sha256(case.encode()).hexdigest()[:24]
    return out / WORK / "pieces" / name[:2] / f"{name}-{chunk:04d}.{table}.parquet"


def run_task(job: Job, task: Task) -> Done:
    """Leads the sessions of a case and leaves their rows chunk by chunk; chunks that left theirs are not led again."""
    from imedbench.targets import Vocabulary

    one_thread()
    chunks = _left(job, task)
    if not chunks:
        return Done(_targets(task.chunks), 0, ())
    case = _store(job.store)[task.case]
    model = load_model(
        job.model, job.checkpoint, own_device(job.device), job.across if len(case.image.grid) == 3 else None
    )
    guard = Guard()
    start = perf_counter()
    session = guard.start(model, case)
    encode_seconds = (perf_counter() - start) / (_targets(chunks) * len(job.arms))
    setting = _Setting(job, case, session, model.card.sees_truth, guard, encode_seconds, Vocabulary.load())
    failed = sum(_run_chunk(setting, *chunk) for chunk in chunks)
    return Done(_targets(task.chunks), failed, tuple(guard.notes))


def give_up(job: Job, task: Task, why: str) -> Done:
    """Leaves the rows of a task's sessions as failed ones, without asking the model; what was answered stays."""
    from imedbench.targets import Vocabulary

    case = _store(job.store)[task.case]
    setting = _Setting(
        job, case, why, sees_truth=False, guard=Guard(), encode_seconds=0.0, vocabulary=Vocabulary.load()
    )
    failed = sum(_run_chunk(setting, *chunk) for chunk in _left(job, task))
    return Done(_targets(task.chunks), failed, ())


def _left(job: Job, task: Task) -> Chunks:
    """The chunks that have left no rows yet: a task comes again after it has killed its worker."""
    return tuple(chunk for chunk in task.chunks if not piece_path(job.out, task.case, chunk[0], "scores").exists())


def _targets(chunks: Chunks) -> int:
    return sum(len(masks) for _, masks in chunks)


@dataclass(frozen=True, slots=True)
class _Setting:
    job: Job
    case: Case
    session: Session | str
    sees_truth: bool
    guard: Guard
    encode_seconds: float
    vocabulary: "Vocabulary"


def _run_chunk(setting: _Setting, chunk: int, masks: tuple[int, ...]) -> int:
    """Leads and scores the sessions of some targets; returns how many failed."""
    job = setting.job
    asked = list(product(masks, job.arms))
    step = _at_once(math.prod(setting.case.image.grid), job.arms, job.batch)
    turns: list[Row] = []
    sessions: list[Scored] = []
    for first in range(0, len(asked), step):
        for rows, session in _run_batch(setting, asked[first : first + step]):
            turns += rows
            sessions.append(session)
    gate_cases(job.protocol, sessions)
    scores = [row for session in sessions for row in score_rows(job.protocol, session)]
    _keep({"turns": turns, "scores": scores}, job.out, setting.case.id, chunk)
    return sum(bool(session.error) for session in sessions)


def _run_batch(setting: _Setting, asked: Sequence[tuple[int, Arm]]) -> list[tuple[list[Row], Scored]]:
    """Leads sessions, each of a mask under an arm, and scores them; their masks are not kept."""
    case, job = setting.case, setting.job
    goals = {number: goal_of(case, number) for number, _ in asked}
    dialogues = [Dialogue(goals[number], arm, job.protocol.seed) for number, arm in asked]
    if isinstance(setting.session, str):
        for dialogue in dialogues:
            dialogue.fail(setting.session)
    else:
        interact(setting.session, dialogues, setting.guard, sees_truth=setting.sees_truth)
    scorers = {number: Scorer(goal.truth, goal.spacing_mm, job.protocol.metrics) for number, goal in goals.items()}
    found = []
    for (number, _), dialogue in zip(asked, dialogues, strict=True):
        who = identity_of(case, dialogue.goal, setting.vocabulary)
        found.append((turn_rows(who, dialogue, setting.encode_seconds), Scored.of(who, dialogue, scorers[number])))
    return found


def identity_of(case: Case, goal: Goal, vocabulary: "Vocabulary") -> Identity:
    """What the rows of a goal's sessions repeat."""
    place = (case.dataset, case.patient, case.study, case.id, case.image.modality)
    return Identity(*place, goal.target, vocabulary.place(goal.target).group, goal.instance)


def goal_of(case: Case, number: int) -> Goal:
    """What is asked for with a mask of a case."""
    about = case.masks.infos[number]
    return Goal(case.id, about.target, about.instance, case.masks[number], case.image.spacing_mm)


def _keep(rows: Mapping[str, list[Row]], out: Path, case: str, chunk: int) -> None:
    """Writes the rows of a chunk; that of the scores, the last to appear, says that both are there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for table, written in rows.items():
        target = piece_path(out, case, chunk, table)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(f".{os.getpid()}.partial")
        pq.write_table(pa.Table.from_pylist(written, schema(table)), partial)
        partial.replace(target)


@lru_cache(maxsize=2)
def load_model(name: str, checkpoint: str, device: str, across: Across | None) -> Model:
    """The model, loaded once a process; for a volume (``across``) a 2-D one goes slice by slice."""
    from imedbench.models import load
    from imedbench.models.slicewise import Slicewise

    model: Model = load(name, Path(checkpoint) if checkpoint else None, device)
    if across is None or 3 in model.card.dimensions:
        return model
    return Slicewise(model, propagate="none" if across == "slices" else across)


@lru_cache(maxsize=1)
def _store(path: Path) -> Store:
    return Store.open(path)
