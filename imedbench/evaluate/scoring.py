"""From turns to rows of the tables: every metric of the protocol on every guess, and every curve over a session."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from imedbench import catalog
from imedbench.evaluate.loop import Dialogue, Goal
from imedbench.evaluate.protocol import Arm, MetricSpec, Protocol
from imedbench.evaluate.tables import WHOLE_SESSION
from imedbench.evaluate.written import write_prompts
from imedbench.masks import MaskInfo, Masks
from imedbench.metrics import clicks
from imedbench.metrics.effort import effort_of
from imedbench.metrics.surface import SurfaceDistances, Surfaces
from imedbench.types import Mask, Turn

Row = dict[str, Any]


class Scorer:
    """All metrics of a protocol against one truth; what they share is computed once."""

    def __init__(self, truth: Mask, spacing_mm: tuple[float, ...], metrics: Sequence[MetricSpec]) -> None:
        self._truth, self._metrics = truth, metrics
        self._spacing = {False: spacing_mm, True: (1.0,) * len(spacing_mm)}
        self._surfaces: dict[bool, Surfaces] = {}

    def score(self, guess: Mask) -> dict[str, float]:
        """Label to value, in the order of the protocol; NaN where a metric is not defined."""
        distances: dict[bool, SurfaceDistances] = {}
        values: dict[str, float] = {}
        for spec in self._metrics:
            if _shut(spec, values):
                values[spec.label] = 0.0
            elif spec.metric in _OF_SURFACES:
                unit = spec.unit_spacing
                if unit not in distances:
                    distances[unit] = self._surface(unit=unit).against(guess)
                values[spec.label] = _of_surfaces(spec, distances[unit])
            else:
                metric = catalog.resolve("metric", catalog.METRICS, spec.metric)
                values[spec.label] = float(metric(self._truth, guess, self._spacing[spec.unit_spacing]))
        return values

    def _surface(self, *, unit: bool) -> Surfaces:
        if unit not in self._surfaces:
            self._surfaces[unit] = Surfaces(self._truth, self._spacing[unit])
        return self._surfaces[unit]


def _shut(spec: MetricSpec, values: Mapping[str, float]) -> bool:
    """Whether the target's own gate makes the metric 0; one over the whole case is `gate_cases`' business."""
    gate = spec.gate
    return gate is not None and gate.over == "target" and not values[gate.metric] > gate.above


_OF_SURFACES = frozenset(("nsd", "hd95", "assd"))


def _of_surfaces(spec: MetricSpec, distances: SurfaceDistances) -> float:
    if spec.metric == "nsd":
        return distances.nsd(spec.tolerance_mm or 0.0)
    return distances.hd(95.0) if spec.metric == "hd95" else distances.assd()


@dataclass(frozen=True, slots=True)
class Identity:
    """What the rows of a session repeat, besides prompts and turn."""

    dataset: str
    patient: str
    study: str
    case: str
    modality: str
    target: str
    group: str
    instance: int


def turn_rows(who: Identity, dialogue: Dialogue, encode_seconds: float) -> list[Row]:
    """Rows of ``turns``: one a turn, and a last one where the session failed."""
    rows = []
    for turn in dialogue.turns:
        rows.append(_session(who, dialogue) | _turn(dialogue.goal, turn, encode_seconds if turn.index == 1 else 0.0))
    if dialogue.error:
        nothing = Turn(len(dialogue.turns) + 1, (), dialogue.goal.truth[:0], 0.0)
        rows.append(_session(who, dialogue) | _turn(dialogue.goal, nothing, 0.0) | {"error": dialogue.error})
    return rows


def gate_cases(protocol: Protocol, dialogues: Sequence[Dialogue], values: Sequence[list[dict[str, float]]]) -> None:
    """Makes 0, in place, what a gate over all targets of a case shuts.

    Args:
        protocol: whose gates they are.
        dialogues: all sessions of one case.
        values: of each dialogue, the scores of its turns.
    """
    gated = [spec for spec in protocol.metrics if spec.gate is not None and spec.gate.over == "case"]
    arms = {dialogue.arm.name for dialogue in dialogues}
    for spec, arm in product(gated, sorted(arms)):
        theirs = [(each, turns) for each, turns in zip(dialogues, values, strict=True) if each.arm.name == arm]
        for index in range(max(len(turns) for _, turns in theirs)):
            _gate_turn(spec, theirs, index)


def _gate_turn(spec: MetricSpec, theirs: Sequence[tuple[Dialogue, list[dict[str, float]]]], index: int) -> None:
    """Makes the metric 0 in one turn of all targets where the mean of the gate's metric is too low."""
    gate = spec.gate
    if gate is None:
        return
    mean = sum(_held(each, turns, index, gate.metric) for each, turns in theirs) / len(theirs)
    for _, turns in theirs:
        if not mean > gate.above and index < len(turns):
            turns[index][spec.label] = 0.0


def _held(dialogue: Dialogue, turns: Sequence[Mapping[str, float]], index: int, label: str) -> float:
    """A metric's value in a turn: the last one of a session that ended, 0 of one that failed before it."""
    if index < len(turns):
        return turns[index][label]
    return 0.0 if dialogue.error or not turns else turns[-1][label]


def score_rows(
    who: Identity, dialogue: Dialogue, protocol: Protocol, values: Sequence[Mapping[str, float]]
) -> list[Row]:
    """Rows of ``scores``: every metric of every turn, then every curve; NaN and ``failed`` where no answer came."""
    goal, arm = dialogue.goal, dialogue.arm
    voxels = int(goal.truth.sum())
    diagonal = math.hypot(*(side * step for side, step in zip(goal.truth.shape, goal.spacing_mm, strict=True)))
    common = _session(who, dialogue) | {
        "voxels": voxels,
        "fraction": voxels / goal.truth.size,
        "diagonal_mm": diagonal,
    }
    seconds = 0.0
    rows = []
    for turn, scores in zip(dialogue.turns, values, strict=True):
        seconds += turn.seconds
        moment = {"turn": turn.index, "seconds": seconds, "failed": False}
        rows += [common | moment | {"metric": label, "value": value} for label, value in scores.items()]
    if dialogue.error:
        for index in range(len(values) + 1, arm.turns + 1):
            moment = {"turn": index, "seconds": seconds, "failed": True, "value": math.nan}
            rows += [common | moment | {"metric": spec.label} for spec in protocol.metrics]
    whole = {"turn": WHOLE_SESSION, "seconds": seconds, "failed": bool(dialogue.error)}
    rows += [
        common | whole | {"metric": label, "value": value} for label, value in _curves(protocol, arm, values, dialogue)
    ]
    return rows


def _curves(
    protocol: Protocol, arm: Arm, values: Sequence[Mapping[str, float]], dialogue: Dialogue
) -> list[tuple[str, float]]:
    """Label and value of every curve of the protocol that this arm is long enough for."""
    if arm.turns == 1:
        return []
    if dialogue.error:
        return [(curve.label, math.nan) for curve in protocol.curves]
    found = []
    for curve in protocol.curves:
        # A session that ended early keeps its last answer.
        series = [scores[curve.of] for scores in values]
        series += series[-1:] * (arm.turns - len(series))
        part = series[curve.first - 1 : curve.last]
        if curve.curve == "noc":
            found.append((curve.label, float(clicks.noc(part, curve.threshold or 0.0))))
        else:
            found.append((curve.label, float(getattr(clicks, curve.curve)(part))))
    return found


def _session(who: Identity, dialogue: Dialogue) -> Row:
    return asdict(who) | {"prompts": dialogue.arm.name}


def _turn(goal: Goal, turn: Turn, encode_seconds: float) -> Row:
    effort = effort_of(turn.prompts, goal.spacing_mm)
    runs = Masks.from_dense([turn.guess], [MaskInfo(goal.target)]) if turn.guess.size else Masks.empty(goal.truth.shape)
    return {
        "turn": turn.index,
        "shape": list(goal.truth.shape),
        "spacing_mm": list(goal.spacing_mm),
        "given": write_prompts(turn.prompts),
        "starts": runs.starts,
        "lengths": runs.lengths.astype("int32"),
        "model_score": turn.score,
        "seconds": turn.seconds,
        "encode_seconds": encode_seconds,
        "clicks": effort.clicks,
        "corners": effort.corners,
        "scribble_mm": effort.scribble_mm,
        "effort_s": effort.seconds,
        "slices": effort.slices,
        "error": "",
    }
