"""From turns to rows of the tables: every metric of the protocol on every guess, and every curve over a session."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, product
from typing import Any, Self

import numpy as np

from imedbench import catalog
from imedbench.evaluate.loop import Dialogue, Goal
from imedbench.evaluate.protocol import Arm, CurveSpec, MetricSpec, Protocol
from imedbench.evaluate.tables import WHOLE_SESSION
from imedbench.evaluate.written import write_prompts
from imedbench.masks import MaskInfo, Masks
from imedbench.metrics import clicks
from imedbench.metrics.effort import effort_of
from imedbench.metrics.facts import METRICS, split_label
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
        rows.append(
            _session(who, dialogue.arm) | _turn(dialogue.goal, turn, encode_seconds if turn.index == 1 else 0.0)
        )
    if dialogue.error:
        nothing = Turn(len(dialogue.turns) + 1, dialogue.unanswered, dialogue.goal.truth[:0], 0.0)
        rows.append(_session(who, dialogue.arm) | _turn(dialogue.goal, nothing, 0.0) | {"error": dialogue.error})
    return rows


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A session when it is over: its scores, without the masks, of which a case may have too many for the memory."""

    who: Identity
    arm: Arm
    error: str
    """Why it failed; empty where it did not."""
    voxels: int
    """Of the truth."""
    fraction: float
    """Of the image, that the truth takes."""
    diagonal_mm: float
    """Of the image."""
    seconds: list[float]
    """The model's, up to and with each turn."""
    values: list[dict[str, float]]
    """Label to value, of each turn."""

    @classmethod
    def of(cls, who: Identity, dialogue: Dialogue, scorer: Scorer) -> Self:
        """Scores the turns of a session against its truth, of which the scorer is."""
        goal = dialogue.goal
        voxels = int(np.count_nonzero(goal.truth))
        return cls(
            who,
            dialogue.arm,
            dialogue.error,
            voxels,
            voxels / goal.truth.size,
            math.hypot(*(side * step for side, step in zip(goal.truth.shape, goal.spacing_mm, strict=True))),
            list(accumulate(turn.seconds for turn in dialogue.turns)),
            [scorer.score(turn.guess) for turn in dialogue.turns],
        )


def gate_cases(protocol: Protocol, sessions: Sequence[Scored]) -> None:
    """Makes 0, in place, what a gate over all targets of a case shuts.

    A gate may open or shut after a session has ended: its last values are repeated for the turns that others of the
    case had, each under the gate of its turn.

    Args:
        protocol: whose gates they are.
        sessions: all of one case.
    """
    gated = [spec for spec in protocol.metrics if spec.gate is not None and spec.gate.over == "case"]
    if not gated:
        return
    arms: dict[str, list[Scored]] = {}
    for session in sessions:
        arms.setdefault(session.arm.name, []).append(session)
    for theirs in arms.values():
        longest = max(len(session.values) for session in theirs)
        for session in theirs:
            _repeat_last(session, longest)
        for spec, index in product(gated, range(longest)):
            _gate_turn(spec, theirs, index)


def _repeat_last(session: Scored, turns: int) -> None:
    """Fills a session that ended up to so many turns, in place; one that failed has nothing to repeat."""
    missing = 0 if session.error else turns - len(session.values)
    session.values.extend(dict(session.values[-1]) for _ in range(missing))
    session.seconds.extend(session.seconds[-1] for _ in range(missing))


def _gate_turn(spec: MetricSpec, theirs: Sequence[Scored], index: int) -> None:
    """Makes the metric 0 in one turn of all targets where the mean of the gate's metric is too low."""
    gate = spec.gate
    if gate is None:
        return
    held = [session.values[index] for session in theirs if index < len(session.values)]
    # Those that failed count 0.
    if not sum(values[gate.metric] for values in held) / len(theirs) > gate.above:
        for values in held:
            values[spec.label] = 0.0


def score_rows(protocol: Protocol, session: Scored) -> list[Row]:
    """Rows of ``scores``: every metric of every turn, then every curve; NaN and ``failed`` where no answer came."""
    common = _session(session.who, session.arm) | {
        "voxels": session.voxels,
        "fraction": session.fraction,
        "diagonal_mm": session.diagonal_mm,
    }
    rows = []
    for turn, (seconds, scores) in enumerate(zip(session.seconds, session.values, strict=True), start=1):
        moment = {"turn": turn, "seconds": seconds, "failed": False}
        rows += [common | moment | {"metric": label, "value": value} for label, value in scores.items()]
    spent = session.seconds[-1] if session.seconds else 0.0
    if session.error:
        for turn in range(len(session.values) + 1, session.arm.turns + 1):
            moment = {"turn": turn, "seconds": spent, "failed": True, "value": math.nan}
            rows += [common | moment | {"metric": spec.label} for spec in protocol.metrics]
    whole = {"turn": WHOLE_SESSION, "seconds": spent, "failed": bool(session.error)}
    if session.arm.turns > 1:
        rows += [
            common | whole | {"metric": curve.label, "value": _over_turns(curve, session)} for curve in protocol.curves
        ]
    return rows


def _over_turns(curve: CurveSpec, session: Scored) -> float:
    """A curve's value; NaN for a session that failed.

    An infinite distance is the image's diagonal, as in means. Where less is better, a threshold is reached from above
    and a turn is no worse that has not more.
    """
    if session.error:
        return math.nan
    metric = METRICS[split_label(curve.of)[1]]
    most = session.diagonal_mm if math.isinf(metric.worst) else math.inf
    series = clicks.filled([min(scores[curve.of], most) for scores in session.values], session.arm.turns)
    part = series[curve.first - 1 : curve.last]
    sign = 1 if metric.higher_is_better or curve.curve in {"auc", "gain"} else -1
    towards = [sign * value for value in part]
    if curve.curve == "noc":
        return float(clicks.noc(towards, sign * (curve.threshold or 0.0)))
    return float(getattr(clicks, curve.curve)(towards))


def _session(who: Identity, arm: Arm) -> Row:
    return asdict(who) | {"prompts": arm.name}


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
