from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from imedbench.evaluate.report.numbers import Numbers
from imedbench.evaluate.report.runs import gather
from imedbench.evaluate.results import Results
from imedbench.metrics.summary import summarise
from leaderboard.statistics import ALL, draw_rows, mean_rows

FIELDS = ("mean", "low", "high", "sessions", "failed", "undefined")


def number(value: float) -> Any:
    return None if np.isnan(value) else pytest.approx(value)


def means_of(results: Results) -> dict[tuple[Any, ...], dict[str, Any]]:
    rows = list(mean_rows(Numbers(gather([results]).runs[0])))
    keys = [(row["prompts"], row["metric"], row["modality"], row["turn"]) for row in rows]
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, rows, strict=True))


def draws_of(scores: pa.Table) -> dict[tuple[str, str, str], Any]:
    rows = list(draw_rows(scores))
    found = {
        (row["prompts"], row["metric"], row["modality"]): np.frombuffer(row["values"], "<f4").astype(np.float64)
        for row in rows
    }
    assert len(found) == len(rows)
    return found


def with_values(scores: pa.Table, values: Any) -> pa.Table:
    return scores.set_column(scores.column_names.index("value"), "value", pa.array(values, pa.float64()))


def test_means_of_every_turn_are_those_of_the_summary(results: Results) -> None:
    found = means_of(results)
    owed = {arm.name: arm.turns for arm in results.protocol.arms}
    summaries = summarise(results.scores, ("prompts", "metric", "turn"), turns=owed)
    assert {each.key[2] for each in summaries} == {0, *range(1, 10)}
    for each in summaries:
        prompts, metric, turn = each.key
        row = found[prompts, metric, ALL, turn]
        assert [row[name] for name in FIELDS[3:]] == [getattr(each, name) for name in FIELDS[3:]]
        for name in FIELDS[:3]:
            assert row[name] == number(getattr(each, name))


def test_means_of_modalities_are_those_of_the_summary(results: Results) -> None:
    found = means_of(results)
    modalities = set()
    for each in summarise(results.scores, ("modality", "prompts", "metric")):
        modality, prompts, metric = each.key
        modalities.add(modality)
        row = found[prompts, metric, modality, 0]
        assert row["mean"] == number(each.mean)
        assert (row["low"], row["high"]) == (number(each.low), number(each.high))
        assert row["sessions"] == each.sessions
    assert modalities == {"ct", "mr"}


def test_what_it_cost_the_user_is_among_the_means(results: Results) -> None:
    found = means_of(results)
    clicks = results.turns.group_by(["case", "target", "instance", "prompts"]).aggregate([("clicks", "sum")])
    row = found["9 clicks", "clicks", ALL, 0]
    assert row["mean"] == pytest.approx(np.mean(clicks["clicks_sum"].to_numpy()))
    assert row["sessions"] == clicks.num_rows
    assert ("9 clicks", "seconds", ALL, 0) in found


def test_the_middle_of_the_draws_is_the_interval(results: Results) -> None:
    found, drawn = means_of(results), draws_of(results.scores)
    final = {key[:2]: key[3] for key in sorted(found) if key[2] == ALL}
    for (prompts, metric, modality), values in drawn.items():
        if modality != ALL:
            continue
        row = found[prompts, metric, ALL, final[prompts, metric]]
        assert values.shape == (1000,)
        assert np.nanquantile(values, [0.025, 0.975]) == pytest.approx([row["low"], row["high"]], rel=1e-5)
        assert row["low"] <= row["mean"] <= row["high"]
    assert {metric for _, metric, modality in drawn if modality == ALL} == {
        metric for metric in results.scores["metric"].unique().to_pylist()
    }


def test_submissions_are_drawn_together(results: Results) -> None:
    scores = results.scores
    better = with_values(scores, pc.add(scores["value"], 0.1))
    drawn, higher = draws_of(scores), draws_of(better)
    assert list(drawn) == list(higher)
    for key, values in drawn.items():
        assert higher[key] == pytest.approx(values + 0.1, rel=1e-5, nan_ok=True)
    assert np.ptp(drawn["9 clicks", "dice", ALL]) > 0.01


def test_what_is_undefined_does_not_count(results: Results) -> None:
    scores = results.scores
    values = np.array(scores["value"].to_numpy())
    label = np.array(scores["metric"].to_pylist())
    gone = (label == "dice") & (np.array(scores["target"].to_pylist()) == "tumor")
    values[gone] = np.nan
    drawn = draws_of(with_values(scores, values))
    kept = draws_of(scores.filter(pa.array(~gone)))
    for modality in (ALL, "ct", "mr"):
        assert drawn["9 clicks", "dice", modality] == pytest.approx(kept["9 clicks", "dice", modality], nan_ok=True)
    assert not np.isnan(drawn["9 clicks", "dice", ALL]).any()


def test_a_patient_without_values_is_drawn_all_the_same(results: Results) -> None:
    """Whoever has none there, the samples stay those of all patients: submissions can be ranked within each."""
    scores = results.scores
    values = np.array(scores["value"].to_numpy())
    patient = np.array(scores["patient"].to_pylist())
    values[:] = np.where(patient == patient[0], np.nan, 0.5)
    drawn = draws_of(with_values(scores, values))["9 clicks", "dice", ALL]
    full = draws_of(with_values(scores, np.where(patient == patient[0], 0.0, 1.0)))["9 clicks", "dice", ALL]
    assert np.array_equal(np.isnan(drawn), full == 0)
    assert np.nanmax(np.abs(drawn - 0.5)) == 0


def test_a_metric_that_is_defined_nowhere_has_no_draws(results: Results) -> None:
    scores = results.scores
    values = np.where(np.array(scores["metric"].to_pylist()) == "dice", np.nan, scores["value"].to_numpy())
    drawn = draws_of(with_values(scores, values))
    assert "dice" not in {metric for _, metric, _ in drawn}
    assert "auc dice" in {metric for _, metric, _ in drawn}


def test_numbers_that_are_none_are_written_as_such(results: Results, tmp_path: Path) -> None:
    found = means_of(results)
    alone = [row for row in found.values() if row["low"] is None]
    # There is one patient of MR: nothing is known of how patients differ.
    assert {row["modality"] for row in alone} <= {"ct", "mr"}
    assert all(value is None or np.isfinite(value) for row in found.values() for value in list(row.values())[4:])
