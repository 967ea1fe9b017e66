"""What a run will ask, of which cases: worked out before anything is asked, and again by who checks a run."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter

from imedbench import __version__, catalog
from imedbench.errors import BadResults, BadStore, Unavailable, UnknownName
from imedbench.evaluate.data import Subject, Subset, digest_of, nothing_of, subjects
from imedbench.evaluate.protocol import Arm, Protocol, load_protocol
from imedbench.evaluate.tables import FORMAT
from imedbench.evaluate.tasks import Across
from imedbench.prompts.base import Simulator
from imedbench.prompts.sets import PromptSet, load_set
from imedbench.store import Store

if TYPE_CHECKING:
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


DECISIVE = (
    "format",
    "protocol_digest",
    "prompts_digest",
    "model",
    "weights_sha256",
    "data_digest",
    "subset",
    "across",
    "batch",
)
"""What in a run's record decides its results; its id is their digest."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is asked of whom."""

    store: Store
    protocol: Protocol
    spoiled: PromptSet
    """How good the users are."""
    card: "Card"
    arms: tuple[Arm, ...]
    """Of the protocol, those that the model takes, with the users spoiled as asked."""
    skipped: tuple[str, ...]
    """Names of the others."""
    dimension: int
    """Of the cases."""
    subjects: list[Subject]

    @property
    def targets(self) -> int:
        """How many objects are asked for, each once under each arm."""
        return sum(len(subject.masks) for subject in self.subjects)


def make_plan(store: Store, settings: RunSettings) -> Plan:
    """What a user asks for.

    Raises:
        UnknownName: no model, protocol, set of prompts or target has the name.
        Unavailable: the model takes none of the protocol's prompts, or is not for such cases.
        BadStore: the store has nothing of what is to be evaluated.
    """
    card = catalog.card(settings.model)
    protocol, spoiled = load_protocol(settings.protocol), load_set(settings.prompts)
    dimension, asked = _asked(store, settings.subset, _dimensions(card, protocol, settings.subset))
    arms, skipped = _arms(card, protocol, spoiled, settings.across if is_flat(card, dimension) else None)
    return Plan(store, protocol, spoiled, card, arms, skipped, dimension, asked)


def read_plan(store: Store, run: Mapping[str, Any]) -> Plan:
    """What a run asked, as far as its record can be believed: which cases there are is the store's to say.

    Args:
        store: that it says it was run on.
        run: its `run.json`.

    Raises:
        BadResults: the record does not say what it must.
        UnknownName: the store has no such target.
        Unavailable: a model of this card cannot be asked any of it.
        BadStore: the store has nothing of what was evaluated.
    """
    from imedbench.models.base import Card

    try:
        card = TypeAdapter(Card).validate_python(run["card"])
        protocol, spoiled = Protocol.model_validate(run["protocol"]), PromptSet.model_validate(run["prompts"])
        told = dict(run["subset"])
        dimension = TypeAdapter(Literal[2, 3]).validate_python(told.pop("dimension"))
        subset = TypeAdapter(Subset).validate_python(told)
        across = TypeAdapter(Across).validate_python(run["across"]) if is_flat(card, dimension) else None
    except (KeyError, TypeError, ValueError, UnknownName) as problem:
        message = f"the record of the run does not say what it must ({_first_line(problem)}); evaluate again."
        raise BadResults(message) from problem
    arms, skipped = _arms(card, protocol, spoiled, across)
    return Plan(store, protocol, spoiled, card, arms, skipped, dimension, subjects(store, subset, dimension))


def is_flat(card: "Card", dimension: int) -> bool:
    """Whether a 2-D model meets volumes."""
    return dimension == 3 and 3 not in card.dimensions


def record_of(plan: Plan, settings: RunSettings, weights_sha256: str) -> dict[str, Any]:
    """What `run.json` says from the start.

    Args:
        plan: what is asked.
        settings: that it was made of.
        weights_sha256: of the checkpoint; empty for a model without.
    """
    subset = asdict(settings.subset) | {"targets": list(settings.subset.targets), "dimension": plan.dimension}
    record = {
        "format": FORMAT,
        "protocol_digest": plan.protocol.digest(),
        "prompts_digest": plan.spoiled.digest(),
        "model": plan.card.name,
        "weights_sha256": weights_sha256,
        "data_digest": digest_of(plan.store),
        "subset": subset,
        "across": settings.across if is_flat(plan.card, plan.dimension) else "",
        "batch": settings.batch,
    }
    return record | {
        "id": run_id(record),
        "protocol": plan.protocol.model_dump(mode="json"),
        "prompts": plan.spoiled.model_dump(mode="json"),
        "card": asdict(plan.card),
        "data": {"name": plan.store.info.name, "cases": len(plan.subjects), "targets": plan.targets},
        "skipped": list(plan.skipped),
        "versions": _versions(),
    }


def run_id(record: Mapping[str, Any]) -> str:
    """SHA-256 of all that decides the results.

    Raises:
        KeyError: the record lacks some of it.
    """
    decisive = {name: record[name] for name in DECISIVE}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def _arms(
    card: "Card", protocol: Protocol, spoiled: PromptSet, across: Across | None
) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
    """The arms as the model is asked them, and the names of those that it does not take."""
    taken, skipped = _taken(card, protocol)
    if across is not None:
        taken = _flat(card, taken, across)
    return tuple(_mapped(arm, spoiled.spoil) for arm in taken), skipped


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


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {"imedbench": __version__} | {name: version(name) for name in ("numpy", "torch", "scipy")}


def _first_line(problem: Exception) -> str:
    return " ".join(str(problem).split("\n")[:2])[:200]
