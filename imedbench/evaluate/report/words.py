"""How metrics, curves and efforts are called in a report, which way is better, and how many digits they deserve."""

from imedbench.evaluate.protocol import Arm, CurveSpec, MetricSpec, Protocol
from imedbench.evaluate.report.sheets import Column
from imedbench.metrics.facts import METRICS

TITLES = {
    "dice": "Dice",
    "iou": "IoU",
    "boundary-iou": "Boundary IoU",
    "nsd": "NSD",
    "hd95": "HD95",
    "assd": "ASSD",
    "volume-error": "Volume error",
}
DISTANCES = frozenset(("hd95", "assd"))
UNIT_RANGE = (0.0, 1.0)


def metric_column(metric: MetricSpec) -> Column:
    """The heading under which a metric's values stand."""
    unit = "voxels" if metric.unit_spacing else "mm"
    title = TITLES.get(metric.metric, metric.metric)
    if metric.tolerance_mm is not None:
        return Column(f"{title} at {metric.tolerance_mm:g} {unit}", better=1)
    if metric.metric in DISTANCES:
        return Column(title, unit, digits=2, better=-1)
    return Column(title, better=1 if METRICS[metric.metric].higher_is_better else -1)


def within(metric: MetricSpec) -> tuple[float, float] | None:
    """The ends of a metric's scale, where it has both."""
    return UNIT_RANGE if METRICS[metric.metric].higher_is_better else None


def spec_of(protocol: Protocol, label: str) -> MetricSpec:
    """The metric of this label."""
    return next(metric for metric in protocol.metrics if metric.label == label)


def curve_columns(curve: CurveSpec, protocol: Protocol, arm: Arm) -> tuple[Column, ...]:
    """The headings of a curve's value; an AUC has two: as it is, and divided by its width."""
    first, last = curve.first, curve.last or arm.turns
    of = metric_column(spec_of(protocol, curve.of))
    if curve.curve == "auc":
        return (
            Column(f"AUC, turns {first}–{last}", f"0–{last - first}", better=of.better),
            Column("AUC, normalised", "0–1", better=of.better),
        )
    if curve.curve == "noc":
        return (Column(f"NoC@{100 * (curve.threshold or 0):g}", "turns", digits=2, better=-1),)
    if curve.curve == "gain":
        return (Column("Gain, first to final", digits=3, better=of.better),)
    return (Column("Monotonicity", digits=3, better=1),)


EFFORTS = {
    "clicks": Column("Clicks", digits=2, better=0),
    "corners": Column("Box corners", digits=2),
    "scribble_mm": Column("Scribbles", "mm", digits=1),
    "effort_s": Column("User's time", "s", digits=1),
    "slices": Column("Slices", digits=1),
    "encode_seconds": Column("Model, encoding", "s", digits=3),
    "seconds": Column("Model, answers", "s", digits=3),
}
"""Sums over a session, from the columns of ``turns``."""
