"""What a cheat might try, and what the check says of it; an honest run passes."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from imedbench.evaluate.data import Subset
from imedbench.evaluate.plan import RunSettings, run_id
from imedbench.evaluate.protocol import Protocol, load_protocol
from imedbench.evaluate.results import Results
from imedbench.evaluate.run import evaluate
from imedbench.store import Store
from imedbench.submission.about import About
from imedbench.submission.bundle import Bundle, pack, unpack
from imedbench.submission.verdict import CHECKS, Verdict
from imedbench.submission.verify import Asked, Progress, verify
from imedbench.workers import Workers


def failed(verdict: Verdict) -> set[str]:
    return {check.name for check in verdict.failed}


def asked_of(results: Results) -> Asked:
    run = results.run
    subset = run["subset"]
    digests = (run["protocol_digest"], run["prompts_digest"], run["data_digest"])
    return Asked(*digests, subset["split"], tuple(subset["targets"]), subset["limit"], subset["dimension"])


def test_an_honest_run_is_verified_and_scored_anew(forger: Any, results: Results, tmp_path: Path) -> None:
    told: list[Progress] = []
    scores = tmp_path / "scores.parquet"
    verdict = verify(forger.bundle(), forger.store, asked_of(results), scores=scores, progress=told.append)
    assert verdict.outcome == "verified"
    assert [check.name for check in verdict.checks] == list(CHECKS)
    assert (verdict.sessions, verdict.turns) == (12, results.turns.num_rows)
    assert verdict.claimed_seconds > 0
    assert told[-1] == Progress(3, 3, 0)
    assert pq.read_table(scores).equals(results.scores)


def test_processes_find_the_same(forger: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def edit(rows: Any) -> None:
        rows[5]["value"] += 0.1

    bundle = forger.bundle(scores=edit)
    monkeypatch.setattr("imedbench.submission.verify._CASES_A_PROCESS", 1)
    alone, many = (verify(bundle, forger.store, workers=number) for number in (1, 2))
    assert replace(alone, seconds=0) == replace(many, seconds=0)
    assert failed(alone) == {"scores"}


@pytest.mark.parametrize("value", [0.999, math.nan, math.inf, -1.0])
def test_edited_scores(forger: Any, value: float) -> None:
    def edit(rows: Any) -> None:
        rows[0]["value"] = value

    verdict = forger.verdict(scores=edit)
    assert verdict.outcome == "rejected"
    assert failed(verdict) == {"scores"}
    (check,) = verdict.failed
    assert check.count == 1
    assert "turn 1, dice" in check.examples[0].where
    assert "value is 0." in check.examples[0].what


def test_scores_that_are_missing_or_made_up_or_twice(forger: Any) -> None:
    def edit(rows: Any) -> None:
        rows[3] |= {"metric": "beauty"}
        rows[7] = dict(rows[6])

    verdict = forger.verdict(scores=edit)
    assert failed(verdict) == {"scores"}
    told = sorted(example.what for check in verdict.failed for example in check.examples)
    assert told == ["is a score that nothing was asked for", "is missing", "is missing", "is there twice"]


def test_guesses_equal_to_the_truth_in_the_first_turn(store: Store, tmp_path: Path, results: Results) -> None:
    """A model that was shown the truth, its card painted over."""
    asked = RunSettings("oracle", "clicks-9", "noisy", subset=Subset(split="all", limit=3))
    ran = evaluate(store.path, tmp_path / "run", asked, workers=Workers(0)).results
    honest = pack(ran, tmp_path / "oracle.zip", About(name="oracle"), "")
    assert verify(unpack(honest, tmp_path / "oracle"), store, asked_of(results)).outcome == "verified"
    run = json.loads((ran.path / "run.json").read_text())
    run["card"]["sees_truth"] = False
    run["card"]["prompts"] = ["click"]
    (ran.path / "run.json").write_text(json.dumps(run))
    forged = pack(Results.open(ran.path), tmp_path / "forged.zip", About(name="genius"), "")
    verdict = verify(unpack(forged, tmp_path / "forged"), store, asked_of(results))
    assert verdict.outcome == "doubtful"
    assert failed(verdict) == {"truth"}


def test_prompts_from_another_seed(forger: Any, store: Store, tmp_path: Path) -> None:
    """The seed is named as it should be; the prompts are of one that suited the model better."""
    protocol = load_protocol("clicks-9").model_copy(update={"seed": 7})
    (tmp_path / "mine.yaml").write_text(json.dumps(protocol.model_dump(mode="json")))
    subset = Subset(split="all", limit=3)
    asked = RunSettings("threshold", str(tmp_path / "mine.yaml"), "noisy", subset=subset)
    ran = evaluate(store.path, tmp_path / "other", asked, workers=Workers(0)).results
    verdict = replace(forger, results=ran, folder=tmp_path / "x").verdict(record=lambda run: claim(run, "clicks-9"))
    assert "prompts" in failed(verdict)


def claim(run: dict[str, Any], protocol: str) -> None:
    """Says that a run was under another protocol."""
    known = load_protocol(protocol)
    run["protocol"], run["protocol_digest"] = known.model_dump(mode="json"), known.digest()
    run["id"] = run_id(run)


def test_prompts_that_were_edited(forger: Any) -> None:
    def edit(rows: Any) -> None:
        rows[1]["given"] = '[{"click":[3.0,3.0],"inside":true}]'
        rows[20]["given"] = "[" * 100_000

    verdict = forger.verdict(turns=edit)
    assert failed(verdict) >= {"prompts"}
    told = {one.where.rsplit(", ")[-1]: one.what for one in next(verdict.failed).examples}
    assert all("should be" in what for what in told.values())


@pytest.mark.parametrize("table", ["turns", "scores"])
def test_hard_cases_that_were_dropped(forger: Any, table: str) -> None:
    def drop(rows: Any) -> None:
        hardest = rows[-1]["case"]
        rows[:] = [row for row in rows if row["case"] != hardest]

    verdict = forger.verdict(**{table: drop})
    assert failed(verdict) == ({"coverage", "scores"} if table == "turns" else {"scores"})
    counts = {check.name: check.count for check in verdict.failed}
    assert counts.get("coverage", 4) == 4


def test_hard_targets_and_last_turns_that_were_dropped(forger: Any) -> None:
    def drop(rows: Any) -> None:
        first = rows[0]
        last = max(row["turn"] for row in rows if (row["case"], row["target"]) == (first["case"], first["target"]))
        assert last > 1
        rows[:] = [
            row
            for row in rows
            if not (
                row["case"] == first["case"]
                and (row["target"] == "spleen" or (row["target"] == first["target"] and row["turn"] == last))
            )
        ]

    verdict = forger.verdict(turns=drop)
    told = [example.what for check in verdict.failed if check.name == "coverage" for example in check.examples]
    assert "is missing" in told
    assert "is missing: the session was not over" in told


def test_cases_that_come_twice_or_that_nobody_asked_for(forger: Any) -> None:
    def add(rows: Any) -> None:
        theirs = [dict(row) for row in rows if row["case"] == rows[0]["case"]]
        rows += theirs + [row | {"case": "mine"} for row in theirs]

    verdict = forger.verdict(turns=add)
    assert failed(verdict) == {"coverage"}
    (check,) = verdict.failed
    assert check.count == 2


def test_another_protocol_data_or_subset_than_the_task_has(forger: Any, results: Results) -> None:
    right, bundle = asked_of(results), forger.bundle()
    for name, value in (
        ("protocol_digest", "0" * 64),
        ("prompts_digest", "0" * 64),
        ("data_digest", "0" * 64),
        ("split", "test"),
        ("targets", ("liver",)),
        ("limit", 2),
        ("dimension", 3),
    ):
        verdict = verify(bundle, forger.store, replace(right, **{name: value}))
        assert failed(verdict) == {"task"}
        assert verdict.outcome == "rejected"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"id": "0" * 64}, "id"),
        ({"protocol_digest": "0" * 64}, "protocol_digest"),
        ({"data_digest": "0" * 64}, "data_digest"),
        ({"model": "another"}, "model"),
        ({"skipped": ["box"]}, "skipped"),
        ({"weights_sha256": "mine"}, "checksum"),
        ({"versions": None}, "which imedbench"),
        ({"data": []}, "cases"),
        ({"card": {}}, "does not say"),
        ({"subset": 7}, "does not say"),
    ],
)
def test_records_that_do_not_agree_with_themselves(forger: Any, change: dict[str, Any], where: str) -> None:
    bundle = forger.bundle()
    verdict = verify(Bundle(bundle.folder, bundle.about, dict(bundle.run) | change, bundle.sha256), forger.store)
    assert "record" in failed(verdict)
    assert any(where in one.what for check in verdict.failed for one in check.examples)


def test_times_that_cannot_be(forger: Any) -> None:
    def edit(rows: Any) -> None:
        for row in rows:
            row["seconds"] = 0.01

    def backwards(run: dict[str, Any]) -> None:
        run["finished"] = "2020-01-01T00:00:00+00:00"

    bundle = forger.bundle(turns=edit, record=backwards)
    verdict = verify(bundle, forger.store)
    assert {"timing", "scores"} == failed(verdict)
    (timing,) = [check for check in verdict.failed if check.name == "timing"]
    assert [example.where for example in timing.examples] == ["run.json", "turns"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
@pytest.mark.parametrize("name", ["seconds", "encode_seconds"])
def test_times_that_are_no_numbers(forger: Any, name: str, value: float) -> None:
    def edit(rows: Any) -> None:
        rows[0][name] = value

    assert "facts" in failed(forger.verdict(turns=edit))


@pytest.mark.parametrize(
    "change",
    [{"patient": "another"}, {"clicks": 0}, {"effort_s": 0.0}, {"shape": [4, 4]}, {"spacing_mm": [9.0, 9.0]}],
)
def test_facts_that_are_not_so(forger: Any, change: dict[str, Any]) -> None:
    def edit(rows: Any) -> None:
        rows[2] |= change

    assert failed(forger.verdict(turns=edit)) & {"facts", "guesses"}


def test_a_guess_that_is_no_mask_on_the_grid(forger: Any) -> None:
    def edit(rows: Any) -> None:
        rows[0] |= {"starts": [10**12], "lengths": [5]}

    verdict = forger.verdict(turns=edit)
    assert "guesses" in failed(verdict)


def test_a_run_with_failures_is_replayed_too(store: Store, tmp_path: Path, results: Results, forger: Any) -> None:
    """Sessions that failed count as such; to call a bad one failed is no way out, for it counts the worst."""

    def fail(rows: Any) -> None:
        last = rows[-1]
        last |= {"error": "RuntimeError: out of memory", "starts": [], "lengths": [], "shape": last["shape"]}

    verdict = forger.verdict(turns=fail)
    assert failed(verdict) == {"scores"}


def test_pages_that_are_not_what_their_footer_says(forger: Any) -> None:
    bundle = forger.bundle()
    path = bundle.folder / "turns.parquet"
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    for place in rng.integers(8, len(content) // 2, 40):
        content[place] ^= 0xFF
    path.write_bytes(bytes(content))
    verdict = verify(bundle, forger.store)
    assert verdict.outcome == "rejected"


def test_the_same_guesses_are_known_again(forger: Any, results: Results, tmp_path: Path) -> None:
    first = verify(forger.bundle(), forger.store)

    def rename(run: dict[str, Any]) -> None:
        run["card"]["name"] = run["model"] = "mine"
        run["id"] = run_id(run)

    again = replace(forger, folder=tmp_path / "again").verdict(record=rename)
    assert again.outcome == "verified"
    assert again.answers == first.answers

    def edit(rows: Any) -> None:
        rows[0]["lengths"][0] -= 1

    other = replace(forger, folder=tmp_path / "other").verdict(turns=edit)
    assert other.answers != first.answers


def test_protocols_are_read_from_the_record_and_not_from_the_program(forger: Any) -> None:
    def ease(run: dict[str, Any]) -> None:
        protocol = run["protocol"] | {"metrics": [{"metric": "dice"}], "curves": [], "id": "eased"}
        run["protocol"] = Protocol.model_validate(protocol).model_dump(mode="json")
        run["protocol_digest"] = Protocol.model_validate(protocol).digest()
        run["id"] = run_id(run)

    verdict = forger.verdict(record=ease)
    assert failed(verdict) == {"scores"}


class _Stops:
    """A model that gives no answer after its second."""

    def __init__(self) -> None:
        from imedbench.catalog import card

        self.card = card("threshold")

    def start(self, image: Any) -> "_Stops":
        self.grid = image.grid
        return self

    def predict_many(self, prompts: Any, previous: Any = None) -> list[Any]:
        from imedbench.types import Prediction

        score = np.float32(np.nan) if previous and previous[0] is not None and previous[0].memory else np.float32(1)
        return [Prediction(np.full(self.grid, score), 0.5, 1) for _ in prompts]


def test_an_honest_run_whose_sessions_failed(
    store: Store, tmp_path: Path, results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imedbench.evaluate.tasks.load_model", lambda *_: _Stops())
    asked = RunSettings("threshold", "clicks-9", "noisy", subset=Subset(split="all", limit=3))
    ran = evaluate(store.path, tmp_path / "run", asked, workers=Workers(0)).results
    assert ran.run["failed"] == 12
    bundle = unpack(pack(ran, tmp_path / "it.zip", About(name="stops"), ""), tmp_path / "unpacked")
    verdict = verify(bundle, store, asked_of(results))
    assert [one.what for check in verdict.failed for one in check.examples] == []
    assert verdict.outcome == "verified"
