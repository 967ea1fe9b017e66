import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from imedbench.errors import BadResults, BadStore, Unavailable, UnknownName
from imedbench.evaluate import run as running
from imedbench.evaluate import tasks
from imedbench.evaluate.data import Subset
from imedbench.evaluate.plan import RunSettings, make_plan, record_of
from imedbench.evaluate.protocol import list_protocols, load_protocol
from imedbench.evaluate.results import Results
from imedbench.evaluate.run import Progress, evaluate
from imedbench.store import Store
from imedbench.types import Prediction
from imedbench.workers import Workers

HERE = Workers(0)
CLOCKED = ["seconds", "encode_seconds"]


def settings(model: str = "puppet", **changes: Any) -> RunSettings:
    return replace(RunSettings(model, "single"), **changes)


def plain(table: pa.Table) -> list[dict[str, Any]]:
    """The rows, without what a clock says."""
    rows: list[dict[str, Any]] = table.drop_columns(
        [name for name in CLOCKED if name in table.column_names]
    ).to_pylist()
    return rows


def same(one: Results, other: Results) -> bool:
    return repr(plain(one.turns)) == repr(plain(other.turns)) and repr(plain(one.scores)) == repr(plain(other.scores))


@pytest.mark.parametrize("protocol", list_protocols())
def test_the_oracle_is_perfect_under_every_protocol(
    pictures: Store, volumes: Store, tmp_path: Path, protocol: str
) -> None:
    store = pictures if 2 in load_protocol(protocol).dimensions else volumes
    asked = settings("oracle", protocol=protocol, subset=Subset(limit=1))
    summary = evaluate(store.path, tmp_path / "out", asked, workers=HERE)
    scores = summary.results.scores.to_pylist()
    assert (summary.failed, summary.skipped) == (0, ())
    perfect = {"hd95": 0.0, "assd": 0.0, "volume-error": 0.0}
    whole = {"auc dice": None, "gain dice": 0.0}
    for row in scores:
        if row["turn"] > 0:
            assert row["value"] == perfect.get(row["metric"].split()[0], 1.0), row
        elif row["metric"].startswith("noc"):
            assert row["value"] == 1.0
    assert whole.keys()
    assert {row["turn"] for row in scores if row["turn"] > 0} == {1}


def test_what_a_run_leaves(pictures: Store, tmp_path: Path, enlist: Any) -> None:
    enlist()
    seen: list[Progress] = []
    summary = evaluate(pictures.path, tmp_path / "out", settings(), workers=HERE, progress=seen.append)
    results = summary.results
    # Arms that the model cannot be asked are said, not scored.
    assert summary.skipped == ("scribble", "mask", "text")
    assert set(results.turns["prompts"].to_pylist()) == {"click", "box"}
    assert results.turns.num_rows == 6 * 4 * 2
    assert seen[0] == Progress(0, 24, 0)
    assert seen[-1] == Progress(24, 24, 0)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        ".eval",
        "run.json",
        "scores.parquet",
        "turns.parquet",
    ]
    told = json.loads((tmp_path / "out" / "run.json").read_text())
    assert told["protocol_digest"] == load_protocol("single").digest()
    assert (told["status"], told["model"], told["data"]["targets"]) == ("finished", "puppet", 24)
    assert results.data == pictures.path.resolve()
    assert str(Path.home()) not in json.dumps(told)
    # The whole image against the truth: dice is 2 f / (1 + f).
    for row in results.scores.to_pylist():
        if row["metric"] == "dice":
            assert row["value"] == pytest.approx(2 * row["fraction"] / (1 + row["fraction"]))


def test_a_finished_run_is_not_run_again(pictures: Store, tmp_path: Path, enlist: Any) -> None:
    puppet = enlist()
    first = evaluate(pictures.path, tmp_path / "out", settings(), workers=HERE)
    asked = len(puppet.asked)
    again = evaluate(pictures.path, tmp_path / "out", settings(), workers=HERE)
    assert len(puppet.asked) == asked
    assert same(first.results, again.results)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"protocol": "medsam-box"}, "protocol"),
        ({"prompts": "noisy"}, "prompts"),
        ({"subset": Subset(limit=1)}, "subset"),
        ({"batch": 4}, "batch"),
    ],
)
def test_another_run_is_not_overwritten(
    pictures: Store, tmp_path: Path, enlist: Any, change: dict[str, Any], said: str
) -> None:
    enlist()
    evaluate(pictures.path, tmp_path / "out", settings(), workers=HERE)
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.is_file()}
    with pytest.raises(BadResults, match=f"holds a run with other {said}; choose another --out"):
        evaluate(pictures.path, tmp_path / "out", settings(**change), workers=HERE)
    assert {path: path.read_bytes() for path in before} == before


def test_a_run_that_has_answered_nothing_is_no_other_run(pictures: Store, tmp_path: Path, enlist: Any) -> None:
    enlist()
    evaluate(pictures.path, tmp_path / "whole", settings(), workers=HERE)
    out = tmp_path / "out"
    (out / tasks.WORK).mkdir(parents=True)
    told = json.loads((tmp_path / "whole" / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(told | {"status": "running", "id": "other"}))
    assert evaluate(pictures.path, out, settings(), workers=HERE).failed == 0


@pytest.mark.parametrize("table", ["turns", "scores"])
def test_a_lost_or_damaged_table_is_made_again(pictures: Store, tmp_path: Path, enlist: Any, table: str) -> None:
    enlist(noisy)
    out, asked = tmp_path / "out", settings(subset=Subset(limit=1))
    before = evaluate(pictures.path, out, asked, workers=HERE).results
    rows = {name: plain(getattr(before, name)) for name in ("turns", "scores")}
    path = out / f"{table}.parquet"
    for damaged in (b"", path.read_bytes()[:500], None):
        if damaged is None:
            path.unlink()
        else:
            path.write_bytes(damaged)
        again = evaluate(pictures.path, out, asked, workers=HERE).results
        assert repr({name: plain(getattr(again, name)) for name in rows}) == repr(rows)


def test_a_store_without_the_split_says_so(pictures: Store, tmp_path: Path, enlist: Any) -> None:
    enlist()
    said = r"has no pictures and no volumes .* in the split 'external'; try --split all\.$"
    with pytest.raises(BadStore, match=said):
        evaluate(pictures.path, tmp_path / "out", settings(subset=Subset("external")), workers=HERE)


def test_a_killed_run_goes_on_at_the_target(
    pictures: Store, tmp_path: Path, enlist: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    enlist(noisy)
    small = settings(batch=2)
    whole = evaluate(pictures.path, tmp_path / "whole", small, workers=HERE).results
    keep = tasks._keep
    kept = 0

    def dies(*given: Any) -> None:
        nonlocal kept
        kept += 1
        if kept > 7:
            raise KeyboardInterrupt
        keep(*given)

    monkeypatch.setattr(tasks, "_keep", dies)
    with pytest.raises(KeyboardInterrupt):
        _alone(pictures, tmp_path / "out", small)
    with pytest.raises(BadResults, match="unfinished"):
        Results.open(tmp_path / "out")
    monkeypatch.setattr(tasks, "_keep", keep)
    puppet = enlist(noisy)
    again = evaluate(pictures.path, tmp_path / "out", small, workers=HERE).results
    assert sum(len(asked) for asked in puppet.asked) == 2 * (24 - 7)
    assert same(whole, again)


def noisy(grid: tuple[int, ...], prompts: Any, previous: Any) -> Prediction:
    """A disc around whatever is pointed at."""
    at = prompts[0].at if hasattr(prompts[0], "at") else np.mean([prompts[0].low, prompts[0].high], axis=0)
    away = np.hypot(*(np.ogrid[: grid[0], : grid[1]][axis] - at[axis] for axis in (0, 1)))
    return Prediction((20 - away).astype(np.float32), 0.5)


def _alone(store: Store, out: Path, asked: RunSettings) -> None:
    """Runs in this thread, so that an interruption arrives."""
    plan = make_plan(store, asked)
    with running.alone(out, tasks.WORK, "evaluation"):
        job = tasks.Job(store.path, out, "puppet", "", "cpu", plan.protocol, plan.arms, "box", asked.batch)
        running.write_run(out, record_of(plan, asked, "") | {"status": "running"})
        for subject in plan.subjects:
            chunks = tuple(enumerate(tasks.chunks_of(subject, plan.protocol, asked.batch)))
            tasks.run_task(job, tasks.Task(subject.case, chunks))


def test_two_versions_do_not_share_a_run(pictures: Store, tmp_path: Path, enlist: Any) -> None:
    enlist()
    results = evaluate(pictures.path, tmp_path / "out", settings(), workers=HERE).results
    told = json.loads((results.path / "run.json").read_text())
    other = told | {"versions": told["versions"] | {"imedbench": "0.0.1"}}
    # A finished run stays what it is; one that was begun by another version is not gone on with.
    (results.path / "run.json").write_text(json.dumps(other))
    assert evaluate(pictures.path, tmp_path / "out", settings(), workers=HERE).failed == 0
    (results.path / "run.json").write_text(json.dumps(other | {"status": "running"}))
    (results.path / tasks.WORK / "pieces" / "ab").mkdir(parents=True)
    (results.path / tasks.WORK / "pieces" / "ab" / "x.scores.parquet").touch()
    with pytest.raises(BadResults, match=r"begun by imedbench 0\.0\.1, and this is"):
        evaluate(pictures.path, tmp_path / "out", settings(), workers=HERE)


def test_a_session_that_fails_is_a_row(pictures: Store, tmp_path: Path, enlist: Any) -> None:
    def fussy(grid: Any, prompts: Any, previous: Any) -> Prediction:
        if hasattr(prompts[0], "low"):
            raise RuntimeError("no boxes today")
        return Prediction(np.ones(grid, np.float32), 0.5)

    enlist(fussy)
    summary = evaluate(pictures.path, tmp_path / "out", settings(), workers=HERE)
    assert summary.failed == 24
    failed = [row for row in summary.results.turns.to_pylist() if row["error"]]
    assert {(row["prompts"], row["error"]) for row in failed} == {("box", "RuntimeError: no boxes today")}
    scores = summary.results.scores.to_pylist()
    assert {row["prompts"] for row in scores if row["failed"]} == {"box"}
    assert len([row for row in scores if row["metric"] == "dice"]) == 48


def test_nothing_depends_on_who_does_the_work(pictures: Store, volumes: Store, tmp_path: Path) -> None:
    for store in (pictures, volumes):
        asked = settings("threshold", protocol="noc" if store is pictures else "single", prompts="noisy")
        asked = replace(asked, subset=Subset(limit=2))
        runs = [
            evaluate(store.path, tmp_path / f"{store.path.parent.name}-{count}", asked, workers=Workers(count)).results
            for count in (0, 2)
        ]
        assert same(*runs)
        batches = evaluate(store.path, tmp_path / f"{store.path.parent.name}-b", replace(asked, batch=1), workers=HERE)
        assert same(runs[0], batches.results)


def test_a_flat_model_is_charged_for_the_slices_it_is_prompted_on(volumes: Store, tmp_path: Path, enlist: Any) -> None:
    enlist(dimensions=(2,), prompts=("box",))
    runs = {}
    for across in ("box", "slices"):
        asked = settings(across=across, subset=Subset(limit=1, on="volumes"))
        runs[across] = evaluate(volumes.path, tmp_path / across, asked, workers=HERE).results.turns.to_pylist()
    extents = {row["target"]: len({start // (96 * 96) for start in row["starts"]}) for row in runs["slices"]}
    assert all(row["slices"] == extents[row["target"]] for row in runs["slices"])
    assert all(row["corners"] == 2 * row["slices"] for row in runs["slices"])
    assert all(row["corners"] == 2 for row in runs["box"])


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        (settings("nobody"), UnknownName, "no model called 'nobody'"),
        (settings(protocol="nothing"), UnknownName, "no protocol called 'nothing'"),
        (settings(prompts="odd"), UnknownName, "called 'odd'"),
        (
            settings(protocol="clicks-9", model="lite-medsam"),
            Unavailable,
            "lite-medsam takes box prompts, and every arm",
        ),
    ],
)
def test_what_cannot_be_run(
    pictures: Store, tmp_path: Path, enlist: Any, asked: RunSettings, error: type[Exception], said: str
) -> None:
    enlist()
    with pytest.raises(error, match=said):
        evaluate(pictures.path, tmp_path / "out", asked, workers=HERE)
    assert not (tmp_path / "out").exists()


def test_answers_are_read_only_where_they_are_wanted(pictures: Store, tmp_path: Path, enlist: Any) -> None:
    enlist()
    results = evaluate(pictures.path, tmp_path / "out", settings(), workers=HERE).results
    light = results.efforts()
    assert light.num_rows == results.turns.num_rows
    assert set(results.turns.column_names) - set(light.column_names) == {"given", "starts", "lengths"}
    which = {"case": "s1", "target": "spleen", "instance": 0, "prompts": "box"}
    (row,) = results.session(which)
    assert row == next(each for each in results.turns.to_pylist() if which.items() <= each.items())


def test_provenance_is_in_every_file(pictures: Store, tmp_path: Path, enlist: Any) -> None:
    enlist()
    results = evaluate(pictures.path, tmp_path / "out", settings(), workers=HERE).results
    for table in (results.turns, results.scores):
        assert table.num_rows
    other = tmp_path / "copy"
    shutil.copytree(results.path, other)
    told = json.loads((other / "run.json").read_text())
    (other / "run.json").write_text(json.dumps(told | {"id": "edited"}))
    with pytest.raises(BadResults, match="belongs to another run"):
        _ = Results.open(other).scores


@pytest.mark.slow
def test_killed_whenever_it_ends_in_the_same_tables(pictures: Store, tmp_path: Path) -> None:
    asked = settings("threshold", protocol="robustness", prompts="time-pressure", batch=19)
    whole = evaluate(pictures.path, tmp_path / "whole", asked, workers=HERE).results
    words = [sys.executable, "-m", "imedbench", "eval", "--data", pictures.path, "--out", tmp_path / "out"]
    words += ["--model", "threshold", "--protocol", "robustness", "--prompts", "time-pressure", "--batch", "19"]
    pieces = tmp_path / "out" / tasks.WORK / "pieces"
    for least in (2, 7, 15):
        process = subprocess.Popen([str(word) for word in (*words, "--workers", "2")], start_new_session=True)
        wait_for(lambda least=least: len(list(pieces.glob("*/*.scores.parquet"))) >= least)  # type: ignore[misc]
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    with pytest.raises(BadResults, match="unfinished"):
        Results.open(tmp_path / "out")
    assert same(whole, evaluate(pictures.path, tmp_path / "out", asked, workers=HERE).results)


def wait_for(claim: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < end
        time.sleep(0.02)
