import pytest

from imedbench import catalog
from imedbench.evaluate.protocol import Arm, CurveSpec, MetricSpec, Protocol
from imedbench.evaluate.report.words import EFFORTS, TITLES, curve_columns, metric_column, spec_of, within
from imedbench.evaluate.tables import schema
from imedbench.metrics.facts import higher_is_better

USER = {"simulate": "click"}
ARM = Arm.model_validate({"name": "a", "first": [USER], "later": [USER], "turns": 6})
PROTOCOL = Protocol.model_validate(
    {"id": "x", "summary": "", "source": "", "arms": [ARM], "metrics": [{"metric": "dice"}, {"metric": "hd95"}]}
)


@pytest.mark.parametrize("name", catalog.METRICS)
def test_every_metric_has_a_title_and_its_right_direction(name: str) -> None:
    spec = MetricSpec(metric=name, tolerance_mm=2 if name == "nsd" else None)
    column = metric_column(spec)
    assert column.title.startswith(TITLES[name])
    assert (column.better == 1) == higher_is_better(spec.label)
    assert (within(spec) is None) == (column.better == -1)


@pytest.mark.parametrize(
    ("spec", "heading"),
    [
        (MetricSpec(metric="nsd", tolerance_mm=2), "NSD at 2 mm"),
        (MetricSpec(metric="nsd", tolerance_mm=5, unit_spacing=True), "NSD at 5 voxels"),
        (MetricSpec(metric="hd95"), "HD95 (mm)"),
        (MetricSpec(metric="assd", unit_spacing=True), "ASSD (voxels)"),
    ],
)
def test_units_are_told(spec: MetricSpec, heading: str) -> None:
    assert metric_column(spec).named == heading


@pytest.mark.parametrize(
    ("curve", "names"),
    [
        (CurveSpec(curve="auc", of="dice", first=2), ["AUC, turns 2–6 (0–4)", "AUC, normalised (0–1)"]),
        (CurveSpec(curve="auc", of="dice", last=3), ["AUC, turns 1–3 (0–2)", "AUC, normalised (0–1)"]),
        (CurveSpec(curve="noc", of="dice", threshold=0.85), ["NoC@85 (turns)"]),
        (CurveSpec(curve="gain", of="hd95"), ["Gain, first to final"]),
        (CurveSpec(curve="monotonicity", of="hd95"), ["Monotonicity"]),
    ],
)
def test_curves_say_their_convention(curve: CurveSpec, names: list[str]) -> None:
    columns = curve_columns(curve, PROTOCOL, ARM)
    assert [column.named for column in columns] == names
    assert all((column.better == 1) == higher_is_better(curve.label) for column in columns)


def test_efforts_are_columns_of_the_turns() -> None:
    assert set(EFFORTS) <= set(schema("turns").names)


def test_a_metric_is_found_by_its_label() -> None:
    assert spec_of(PROTOCOL, "hd95").metric == "hd95"
