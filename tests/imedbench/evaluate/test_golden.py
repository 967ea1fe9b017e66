"""Whole reports of two models whose every number is known, field by field as they were looked at once."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest

from imedbench.evaluate.data import Subset
from imedbench.evaluate.plan import RunSettings
from imedbench.evaluate.report import write_report
from imedbench.evaluate.results import Results
from imedbench.evaluate.run import evaluate
from imedbench.store import Store
from imedbench.workers import Workers

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
SECONDS = ("seconds", "encode_seconds")
"""Columns, and words of headings, that a clock decides."""


def clocked(heading: str) -> bool:
    return any(word in heading.casefold() for word in ("model", "seconds of"))


def record(results: Results, tables: tuple[Path, ...]) -> dict[str, Any]:
    """All fields of a run and its report that are not a clock's."""
    run = {
        name: results.run[name]
        for name in ("protocol_digest", "prompts_digest", "model", "skipped", "failed", "subset")
    }
    kept = {name: results.turns.drop_columns(list(SECONDS)).to_pylist() for name in ("turns",)}
    kept["scores"] = results.scores.drop_columns(["seconds"]).to_pylist()
    found: dict[str, Any] = {"run": run, **kept, "tables": {}}
    for path in tables:
        heads, *rows = csv.reader(path.read_text().splitlines())
        places = [place for place, head in enumerate(heads) if not clocked(head)]
        found["tables"][path.name] = [[line[place] for place in places] for line in (heads, *rows)]
    return found


def differences(one: Any, other: Any, where: str = "") -> list[str]:
    """The fields that are not the same, floats to a part in a billion."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = [key for key in {**one, **other} if (key in one) != (key in other)]
        both = [
            difference
            for key in one
            if key in other
            for difference in differences(one[key], other[key], f"{where}.{key}")
        ]
        return [f"{where}.{key} is on one side only" for key in keys] + both
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            found
            for place, pair in enumerate(zip(one, other, strict=True))
            for found in differences(*pair, f"{where}[{place}]")
        ]
    if isinstance(one, float) and isinstance(other, float):
        same = math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(one) and math.isnan(other))
        return [] if same else [f"{where}: {one} and {other}"]
    return [] if one == other else [f"{where}: {one!r} and {other!r}"]


@pytest.mark.parametrize("model", ["oracle", "constant"])
def test_the_report_is_the_one_that_was_looked_at(
    model: str, pictures: Store, tmp_path: Path, enlist: Any, request: pytest.FixtureRequest
) -> None:
    enlist(name="constant", prompts=("click", "box", "scribble", "mask", "text"))
    asked = RunSettings(model, "single", "noisy", subset=Subset(limit=2, targets=("liver", "tumor")))
    results = evaluate(pictures.path, tmp_path / "run", asked, workers=Workers(0)).results
    found = json.loads(json.dumps(record(results, write_report([results], tmp_path / "report").csv)))
    golden = GOLDEN / f"{model}.json"
    if request.config.getoption("--update-golden"):
        golden.write_text(json.dumps(found, separators=(",", ":")) + "\n")
    assert differences(json.loads(golden.read_text()), found) == []


def test_every_number_of_the_constant_is_known() -> None:
    """The whole picture, whatever is asked: dice is 2 f / (1 + f) of the truth's share f, iou is f."""
    for row in json.loads((GOLDEN / "constant.json").read_text())["scores"]:
        share = row["fraction"]
        known = {"dice": 2 * share / (1 + share), "iou": share, "volume-error": 1 / share - 1}
        assert row["value"] == pytest.approx(known.get(row["metric"], row["value"]))


def test_every_number_of_the_oracle_is_known() -> None:
    for row in json.loads((GOLDEN / "oracle.json").read_text())["scores"]:
        assert row["value"] == (0.0 if row["metric"] in ("hd95", "assd", "volume-error") else 1.0)


def test_differences_are_found() -> None:
    assert differences({"a": [1, {"b": 0.5}]}, {"a": [1, {"b": 0.5 + 1e-12}]}) == []
    assert differences({"a": [1, {"b": 0.5}]}, {"a": [1, {"b": 0.6}]}) == [".a[1].b: 0.5 and 0.6"]
    assert differences({"a": 1}, {"b": 1}) == [".a is on one side only", ".b is on one side only"]
    assert differences([1], [1, 2]) == [": [1] and [1, 2]"]
    assert differences(math.nan, math.nan) == []
