import math
import time
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from imedbench.metrics import Bootstrap, Summary, summarise

ROWS = [("p1/a", "liver", 1, 0.9), ("p1/a", "spleen", 1, 0.5), ("p1/b", "liver", 1, 0.7), ("p2/a", "liver", 1, 0.3)]


def test_levels(scores: Any) -> None:
    table = scores(ROWS)
    means = {level: summarise(table, level=level)[0].mean for level in ("target", "case", "macro")}
    assert means["target"] == pytest.approx((0.9 + 0.5 + 0.7 + 0.3) / 4)
    assert means["case"] == pytest.approx(((0.9 + 0.5) / 2 + 0.7 + 0.3) / 3)
    assert means["macro"] == pytest.approx(((0.9 + 0.7 + 0.3) / 3 + 0.5) / 2)


def test_what_a_mean_is_made_of(scores: Any) -> None:
    rows = [*ROWS, ("p3/a", "liver", 1, math.nan), ("p4/a", "liver", 1, math.nan)]
    found = summarise(scores(rows, failed=[False] * 5 + [True]), ["target", "prompts", "metric"])
    assert [each.key for each in found] == [("liver", "box", "dice"), ("spleen", "box", "dice")]
    liver, spleen = found
    assert liver.mean == pytest.approx((0.9 + 0.7 + 0.3 + 0.0) / 4)
    assert (liver.sessions, liver.failed, liver.undefined, liver.patients) == (5, 1, 1, 3)
    assert liver.low <= liver.mean <= liver.high
    assert (spleen.mean, spleen.sessions, spleen.patients) == (0.5, 1, 1)
    assert math.isnan(spleen.low)


def test_a_group_without_any_value(scores: Any) -> None:
    (found,) = summarise(scores([("p1/a", "liver", 1, math.nan)]))
    assert math.isnan(found.mean)
    assert (found.sessions, found.undefined, found.patients) == (1, 1, 0)


def test_no_scores_no_means(scores: Any) -> None:
    assert summarise(scores(ROWS).slice(0, 0)) == []


def test_patients_are_drawn_whole(scores: Any) -> None:
    """With as many targets a patient, the interval is that of the patients' means."""
    values = np.random.default_rng(0).beta(5, 2, (40, 1)) + np.random.default_rng(1).normal(0, 0.02, (40, 10))
    rows = [(f"p{p}/a", f"t{t}", 1, values[p, t]) for p in range(40) for t in range(10)]
    (found,) = summarise(scores(rows), bootstrap=Bootstrap(samples=9000))
    theirs = stats.bootstrap((values.mean(axis=1),), np.mean, n_resamples=9000, method="percentile", rng=1)
    limits = theirs.confidence_interval
    assert (found.low, found.high) == pytest.approx((limits.low, limits.high), abs=2e-3)


def test_patients_of_other_data_sets_are_others(scores: Any) -> None:
    table = scores(ROWS, dataset=["here", "here", "here", "there"], patient="p1")
    (found,) = summarise(table)
    assert found.patients == 2
    assert (found.low, found.high) == pytest.approx((0.3, 0.7), abs=1e-9)


def test_any_order_of_rows_gives_the_same_means(scores: Any) -> None:
    table = scores(ROWS)
    backwards = table.take(list(range(table.num_rows))[::-1])
    (one,), (other,) = summarise(table), summarise(backwards)
    assert (one.mean, one.low, one.high) == pytest.approx((other.mean, other.low, other.high))


def test_curves_over_turns_fill_up(scores: Any) -> None:
    rows = [("p1/a", "liver", 1, 1.0), ("p2/a", "liver", 1, 0.0), ("p2/a", "liver", 2, 0.5)]
    found = summarise(scores(rows), ["turn", "metric", "prompts"])
    assert [(each.key[0], each.mean, each.sessions) for each in found] == [(1, 0.5, 2), (2, 0.75, 2)]
    assert isinstance(found[0], Summary)


def test_a_million_scores_take_seconds() -> None:
    grid = (500, 2, 20, 2, 5, 5)
    patient, case, target, arm, turn, metric = (part.reshape(-1) for part in np.indices(grid, dtype=np.int32))
    names = ["dice", "iou", "nsd 2 mm", "hd95", "assd"]

    def text(codes: np.ndarray, entries: list[str]) -> pa.DictionaryArray:
        return pa.DictionaryArray.from_arrays(codes, entries)

    count = len(patient)
    table = pa.table(
        {
            "dataset": text(np.zeros(count, np.int32), ["made"]),
            "patient": text(patient, [f"p{number}" for number in range(500)]),
            "case": text(2 * patient + case, [f"c{number}" for number in range(1000)]),
            "target": text(target, [f"t{number}" for number in range(20)]),
            "instance": np.zeros(count, np.int32),
            "prompts": text(arm, ["box", "click"]),
            "turn": (turn + 1).astype(np.int16),
            "metric": text(metric, names),
            "value": np.random.default_rng(0).random(count),
            "failed": np.zeros(count, bool),
            "diagonal_mm": np.ones(count),
        }
    )
    assert table.num_rows == 1_000_000
    start = time.perf_counter()
    found = summarise(table, ["prompts", "metric", "turn"], bootstrap=Bootstrap(samples=1000))
    assert len(found) == 50
    assert time.perf_counter() - start < 10
