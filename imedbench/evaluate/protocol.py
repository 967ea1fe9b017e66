"""A protocol: what is asked of every model, turn by turn, and how the answers are scored; frozen under its digest."""

import hashlib
import json
from functools import cache
from typing import Annotated, Literal

from pydantic import Field, model_validator

from imedbench import catalog
from imedbench.errors import UnknownName
from imedbench.prompts.base import AnySimulator, Settings
from imedbench.prompts.shelf import Shelf

Kind = Literal["click", "box", "scribble", "mask", "text"]


class Gate(Settings):
    """A metric that is 0 unless another one is high enough."""

    metric: str
    """Label of a metric of the same protocol that stands before the gated one."""
    above: float
    over: Literal["target", "case"] = "target"
    """What has to be high enough: the target's own value, or the mean over all targets of its case under the same arm
    and in the same turn (sessions that ended count with their last value, failed ones with the worst)."""


class MetricSpec(Settings):
    """A metric with its settings."""

    metric: str
    """Name in the catalogue of metrics."""
    tolerance_mm: float | None = Field(default=None, ge=0)
    """Of the normalised surface distance."""
    unit_spacing: bool = False
    """Whether millimetres are voxels, whatever the image says: some published protocols do so."""
    gate: Gate | None = None

    @property
    def label(self) -> str:
        """What scores and tables call it: ``nsd 2 mm``."""
        unit = "voxels" if self.unit_spacing else "mm"
        tolerance = "" if self.tolerance_mm is None else f" {self.tolerance_mm:g} {unit}"
        distance = f" {unit}" if self.unit_spacing and self.tolerance_mm is None else ""
        return f"{self.metric}{tolerance}{distance}"

    @model_validator(mode="after")
    def _known(self) -> "MetricSpec":
        if self.metric not in catalog.METRICS:
            what = "metric"
            raise UnknownName(what, self.metric, catalog.METRICS)
        if (self.metric == "nsd") != (self.tolerance_mm is not None):
            message = "nsd needs tolerance_mm, and no other metric takes it"
            raise ValueError(message)
        return self


class CurveSpec(Settings):
    """One number made of a metric's values over the turns of a session; `imedbench.metrics.clicks` defines each."""

    curve: Literal["auc", "noc", "gain", "monotonicity"]
    of: str
    """Label of the metric."""
    first: int = 1
    """First turn that counts."""
    last: int | None = None
    """Last turn that counts; None for the arm's last."""
    threshold: float | None = None
    """For ``noc``: the value to be reached."""

    @property
    def label(self) -> str:
        """What scores and tables call it: ``noc@90 iou``."""
        reached = "" if self.threshold is None else f"@{100 * self.threshold:g}"
        return f"{self.curve}{reached} {self.of}"

    @model_validator(mode="after")
    def _threshold(self) -> "CurveSpec":
        if (self.curve == "noc") != (self.threshold is not None):
            message = "noc needs threshold, and no other curve takes it"
            raise ValueError(message)
        return self


class Series(Settings):
    """Where an arm stands on a robustness curve: arms of one name make a curve over ``level``."""

    name: str
    """``point displacement``, ``box scale``."""
    level: float


class Arm(Settings):
    """One way of prompting: each target is segmented once under each arm, in a session of its own."""

    name: str
    """Stands in the column ``prompts`` of every table."""
    first: tuple[AnySimulator, ...] = Field(min_length=1)
    """Whose prompts, together, are turn 1."""
    later: tuple[AnySimulator, ...] = ()
    """Whose prompts, together, are each later turn."""
    turns: int = Field(default=1, ge=1)
    memory: Literal["all", "latest"] = "all"
    """Whether the model is given all prompts of the session so far, or those of the turn."""
    kept: tuple[Kind, ...] = ()
    """With ``latest``: kinds whose prompts of earlier turns are given all the same, before those of the turn."""
    feedback: bool = True
    """Whether the model is given its own last answer."""
    enough: float | None = None
    """IoU at which the user stops; a perfect guess always ends a session."""
    series: Series | None = None

    @model_validator(mode="after")
    def _complete(self) -> "Arm":
        if (self.turns > 1) != bool(self.later):
            message = f"arm {self.name!r}: more than one turn needs `later`, and one turn has none"
            raise ValueError(message)
        if self.kept and self.memory == "all":
            message = f"arm {self.name!r}: `kept` says what is given besides the latest prompts; here all are"
            raise ValueError(message)
        return self

    @property
    def perfect(self) -> bool:
        """Whether no simulated user errs; a mean over imperfect prompts leaves such an arm out."""
        return not any(user.imperfect for user in (*self.first, *self.later))

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of prompts that a model must take to be asked this."""
        return frozenset(str(getattr(each, "simulate")) for each in (*self.first, *self.later))  # noqa: B009


class Protocol(Settings):
    """What is asked of every model, and how answers are scored.

    Its id is never given to other content: a change makes a new id. The digest in every result tells.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    summary: str
    source: str
    """The publication or program that it follows, and where it had to decide."""
    dimensions: tuple[Literal[2, 3], ...] = (2, 3)
    """Of the cases it is meant for."""
    seed: int = 2026
    arms: tuple[Arm, ...] = Field(min_length=1)
    metrics: tuple[MetricSpec, ...] = Field(min_length=1)
    curves: tuple[CurveSpec, ...] = ()
    shown: tuple[int, ...] = ()
    """Turns that tables show; all where empty."""

    @model_validator(mode="after")
    def _consistent(self) -> "Protocol":
        names = [arm.name for arm in self.arms]
        labels = [metric.label for metric in self.metrics]
        for kind, each in (("arms", names), ("metrics", labels)):
            if len(set(each)) != len(each):
                message = f"two {kind} have the same name"
                raise ValueError(message)
        wanted = [curve.of for curve in self.curves]
        for place, metric in enumerate(self.metrics):
            if metric.gate and metric.gate.metric not in labels[:place]:
                message = f"{metric.label!r}: its gate must be a metric that stands before it"
                raise ValueError(message)
        if missing := [label for label in wanted if label not in labels]:
            message = f"{missing[0]!r} is not a metric of this protocol; it has: {', '.join(labels)}"
            raise ValueError(message)
        return self

    def digest(self) -> str:
        """SHA-256 of everything that bears on results, as canonical JSON; texts do not count."""
        fields = self.model_dump(mode="json", exclude={"summary", "source"})
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


_PROTOCOLS = Shelf("protocol", "imedbench.evaluate", "protocols", Protocol)


def list_protocols() -> list[str]:
    """The ids of the protocols that ship with the project."""
    return _PROTOCOLS.names()


@cache
def load_protocol(name: str) -> Protocol:
    """The protocol of this id, or of a YAML file.

    Raises:
        UnknownName: no protocol has this id, and there is no such file.
        BadProtocol: the file is not a protocol; the message names the field.
    """
    return _PROTOCOLS.load(name)


def protocol_text(name: str) -> bytes:
    """The YAML of the protocol of this id, or of a file, unread.

    Raises:
        UnknownName: no protocol has this id, and there is no such file.
    """
    return _PROTOCOLS.text(name)
