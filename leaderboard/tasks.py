"""Tasks: what models are compared at."""

import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from imedbench.evaluate.data import Subset, digest_of, subjects
from imedbench.evaluate.protocol import Protocol, load_protocol
from imedbench.prompts.sets import PromptSet, load_set
from imedbench.store import Store
from imedbench.submission.about import refuse_tricks
from imedbench.submission.verify import Asked
from leaderboard.audit import record
from leaderboard.database import tasks
from leaderboard.teams import Refused

_TITLE = 100
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Task:
    """One of them."""

    id: str
    """Also its address."""
    title: str
    summary: str
    hidden: bool
    """Whether its truth stays here, and prompts are given turn by turn."""
    closed: bool
    store: Path
    protocol: Protocol
    prompts: PromptSet
    asked: Asked
    facts: Mapping[str, Any]
    """Of the data: ``name``, ``cases``, ``targets``, ``patients``, ``modalities``, ``names``."""


@dataclass(frozen=True, slots=True)
class NewTask:
    """What an organiser says of a task."""

    id: str
    title: str
    store: Path
    protocol: str | Protocol
    """Its id, or a YAML file; or itself."""
    prompts: str | PromptSet = "perfect"
    subset: Subset = Subset()  # noqa: RUF009
    summary: str = ""
    hidden: bool = False


def add_task(connection: sa.Connection, new: NewTask, actor: str = "admin") -> Task:
    """Adds a task; what it asks never changes afterwards.

    Raises:
        Refused: its name cannot be an address, or is taken; or its truth would be hidden and shown.
        ImedbenchError: its data, protocol or set of prompts are not there.
    """
    _check_name(connection, new)
    store = Store.open(new.store)
    protocol = new.protocol if isinstance(new.protocol, Protocol) else load_protocol(new.protocol)
    prompts = new.prompts if isinstance(new.prompts, PromptSet) else load_set(new.prompts)
    if new.hidden and _shows_truth(protocol):
        message = f"the protocol {protocol.id} gives masks made of the truth as prompts, so nothing would be hidden."
        raise Refused(message)
    dimension, facts = _facts(store, protocol, new.subset)
    asked = Asked(
        protocol.digest(),
        prompts.digest(),
        digest_of(store),
        new.subset.split,
        tuple(new.subset.targets),
        new.subset.limit,
        dimension,
    )
    connection.execute(
        tasks.insert().values(
            id=new.id,
            title=new.title or new.id,
            summary=new.summary,
            hidden=new.hidden,
            closed=False,
            store=str(new.store.resolve()),
            protocol=protocol.model_dump(mode="json"),
            prompts=prompts.model_dump(mode="json"),
            asked=asdict(asked),
            facts=facts,
            created=time.time(),
        )
    )
    record(connection, actor, "task added", new.id, **asdict(asked))
    return find_task(connection, new.id)


def _check_name(connection: sa.Connection, new: NewTask) -> None:
    if not _SLUG.fullmatch(new.id) or len(new.id) > 32:
        message = f"{new.id!r} cannot be an address: use at most 32 of a-z, 0-9, and - between them."
        raise Refused(message)
    if len(new.title) > _TITLE:
        message = f"a title has at most {_TITLE} characters."
        raise Refused(message)
    for text, where in ((new.title, "the title"), (new.summary, "the summary")):
        refuse_tricks(text, where, multiline=where == "the summary")
    if connection.execute(sa.select(tasks.c.id).where(tasks.c.id == new.id)).first():
        message = f"there is a task {new.id!r}; choose another name."
        raise Refused(message, 409)


def find_task(connection: sa.Connection, task_id: str) -> Task:
    """The task of this name.

    Raises:
        Refused: there is none.
    """
    known = _SLUG.fullmatch(task_id)
    row = connection.execute(sa.select(tasks).where(tasks.c.id == task_id)).first() if known else None
    if row is None:
        message = f"there is no task {task_id[:60]!a}."
        raise Refused(message, 404)
    return _task(row)


def list_tasks(connection: sa.Connection) -> list[Task]:
    """All of them, the oldest first."""
    return [_task(row) for row in connection.execute(sa.select(tasks).order_by(tasks.c.created, tasks.c.id))]


def close_task(connection: sa.Connection, task: Task, *, closed: bool, actor: str = "admin") -> None:
    """Ends submissions to a task, or opens it again."""
    connection.execute(tasks.update().where(tasks.c.id == task.id).values(closed=closed))
    record(connection, actor, "task closed" if closed else "task opened", task.id)


def _task(row: sa.Row[Any]) -> Task:
    asked = Asked(**row.asked | {"targets": tuple(row.asked["targets"])})
    return Task(
        row.id,
        row.title,
        row.summary,
        row.hidden,
        row.closed,
        Path(row.store),
        Protocol.model_validate(row.protocol),
        PromptSet.model_validate(row.prompts),
        asked,
        row.facts,
    )


def _shows_truth(protocol: Protocol) -> bool:
    """Whether a user's prompt is the truth itself, spoiled or not."""
    users = [user for arm in protocol.arms for user in (*arm.first, *arm.later)]
    return any(getattr(user, "source", "") == "truth" for user in users)


def _facts(store: Store, protocol: Protocol, subset: Subset) -> tuple[int, dict[str, Any]]:
    """Of what dimension the cases are that are asked, and what there is to say of them."""
    wanted = {"pictures": (2,), "volumes": (3,)}.get(subset.on, protocol.dimensions)
    dimension = next((each for each in wanted if _held(store, each)), wanted[0])
    asked = {subject.case: len(subject.masks) for subject in subjects(store, subset, dimension)}
    patients: set[tuple[str, str]] = set()
    modalities: set[str] = set()
    names: set[str] = set()
    for batch in store.scan("cases", ["id", "dataset", "patient", "modality"]):
        for row in batch.to_pylist():
            if row["id"] in asked:
                patients.add((row["dataset"], row["patient"]))
                modalities.add(row["modality"])
    for batch in store.scan("masks", ["case", "target", "kind"]):
        names.update(row["target"] for row in batch.to_pylist() if row["kind"] == "gt" and row["case"] in asked)
    return dimension, {
        "name": store.info.name,
        "cases": len(asked),
        "targets": sum(asked.values()),
        "patients": len(patients),
        "modalities": sorted(modalities),
        "names": sorted(subset.targets or names),
    }


def _held(store: Store, dimension: int) -> bool:
    return any(dimension in batch["ndim"].to_pylist() for batch in store.scan("cases", ["ndim"]))
