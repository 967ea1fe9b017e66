"""What a model owes to a task whose truth is hidden: each of these sessions, once.

What a team is told of a task is what the protocol cannot be played without: which targets each case has. Sizes and
places of the truth stay here.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter

from imedbench.errors import BadStore, ImedbenchError, UnknownName
from imedbench.evaluate.data import Subset, digest_of
from imedbench.evaluate.loop import Goal
from imedbench.evaluate.plan import Plan, read_plan
from imedbench.evaluate.protocol import Arm
from imedbench.evaluate.tasks import BYTES_AT_ONCE
from imedbench.masks import Masks
from imedbench.store import Store
from leaderboard.tasks import Task
from leaderboard.teams import Refused

SHEETS = 8
"""Kept in memory, each of a task and a kind of model."""
AT_ONCE = 64
"""Sessions of a case in one request, at most."""
BYTES_A_VOXEL = 6
"""Of a session in progress: truth, last guess, and its logits."""


@dataclass(frozen=True, slots=True)
class Which:
    """A session of an attempt."""

    case: str
    target: str
    instance: int
    prompts: str
    """Name of the arm."""


@dataclass(frozen=True, slots=True)
class CaseSheet:
    """What is asked of one case."""

    case: str
    grid: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    masks: Mapping[tuple[str, int], int]
    """Target and instance of each truth, and its number in the case."""

    @property
    def at_once(self) -> int:
        """Sessions that may be played in one request."""
        return max(1, min(AT_ONCE, BYTES_AT_ONCE // (BYTES_A_VOXEL * math.prod(self.grid))))

    def goal(self, masks: Masks, which: Which) -> Goal:
        """What a session is about.

        Args:
            masks: the case's.
            which: the session.
        """
        truth = masks[self.masks[which.target, which.instance]]
        return Goal(self.case, which.target, which.instance, truth, self.spacing_mm)


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """All that an attempt owes; made of the task and the model's card, the same each time."""

    plan: Plan
    arms: Mapping[str, Arm]
    cases: Mapping[str, CaseSheet]
    """In the order of the data."""

    @property
    def sessions(self) -> int:
        """How many are owed."""
        return self.plan.targets * len(self.arms)

    def owes(self, which: Which) -> bool:
        """Whether a session is one of them."""
        case = self.cases.get(which.case)
        return case is not None and (which.target, which.instance) in case.masks and which.prompts in self.arms


def subset_of(task: Task) -> Subset:
    """What part of its data a task is about."""
    on = "pictures" if task.asked.dimension == 2 else "volumes"
    told = {"split": task.asked.split, "on": on, "targets": task.asked.targets, "limit": task.asked.limit}
    return TypeAdapter(Subset).validate_python(told)


def sheet_of(task: Task, told: Mapping[str, Any]) -> Sheet:
    """What a model owes to a task.

    Args:
        task: the task.
        told: what its team says of the model, as in an attempt's record.

    Raises:
        Refused: the model cannot be asked any of it, or the data are not what they were.
    """
    dimension = task.asked.dimension
    run = {
        "card": told["card"],
        "protocol": task.protocol.model_dump(mode="json"),
        "prompts": task.prompts.model_dump(mode="json"),
        "across": told["across"],
        "subset": asdict(subset_of(task)) | {"dimension": dimension},
    }
    if dimension == 2 and 2 not in told["card"]["dimensions"]:
        message = f"{told['card']['name']} takes no pictures, and the task is of pictures."
        raise Refused(message)
    return _sheet(str(task.store), task.asked.data_digest, json.dumps(run, sort_keys=True))


@lru_cache(SHEETS)
def _sheet(path: str, digest: str, run: str) -> Sheet:
    try:
        store = Store.open(path)
        if digest_of(store) != digest:
            raise BadStore(path)
        plan = read_plan(store, json.loads(run))
        return Sheet(plan, {arm.name: arm for arm in plan.arms}, _cases(plan))
    except (BadStore, UnknownName, OSError) as problem:
        # The message would name folders of the server.
        message = "the data of the task are not what they were; tell the organisers."
        raise Refused(message, 503) from problem
    except ImedbenchError as problem:
        raise Refused(str(problem)) from problem


def _cases(plan: Plan) -> dict[str, CaseSheet]:
    wanted = {subject.case: set(subject.masks) for subject in plan.subjects}
    masks: dict[str, dict[tuple[str, int], int]] = {case: {} for case in wanted}
    for batch in plan.store.scan("masks", ["case", "number", "target", "instance"]):
        for row in batch.to_pylist():
            if row["number"] in wanted.get(row["case"], ()):
                masks[row["case"]][row["target"], row["instance"]] = row["number"]
    found = {}
    for batch in plan.store.scan("cases", ["id", "shape", "spacing_mm"]):
        for row in batch.to_pylist():
            if row["id"] in wanted:
                place = (tuple(row["shape"]), tuple(row["spacing_mm"]))
                found[row["id"]] = CaseSheet(row["id"], *place, masks[row["id"]])
    return {subject.case: found[subject.case] for subject in plan.subjects}
