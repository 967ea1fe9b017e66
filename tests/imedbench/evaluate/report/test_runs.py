from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from imedbench.errors import BadResults
from imedbench.evaluate.report.runs import gather, keys_of, starts_of
from imedbench.evaluate.results import Results

Make = Callable[..., Results]


def changed(results: Results, **facts: Any) -> Results:
    """The same results with other facts about them."""
    return replace(results, run={**results.run, **facts})


def without_case(results: Results, case: str) -> Any:
    """The same results as if a case had not been run."""

    class Fewer(Results):
        def efforts(self) -> pa.Table:
            return results.turns.filter(pa.compute.not_equal(results.turns["case"], case))

        @property
        def scores(self) -> pa.Table:  # type: ignore[override]
            return results.scores.filter(pa.compute.not_equal(results.scores["case"], case))

    return Fewer(results.path, results.run)


def test_one_run_is_taken_as_it_is(alpha: Results) -> None:
    gathered = gather([alpha])
    run = gathered.first
    assert gathered.warnings == ()
    assert (run.name, run.sessions, run.failed, run.count("patient"), run.left_out) == ("alpha", 96, 3, 6, 0)
    assert [arm.name for arm in run.arms] == ["click", "box, then clicks"]
    assert run.scores.num_rows == alpha.scores.num_rows
    assert run.data.is_dir()


def test_like_runs_are_compared_without_a_word(alpha: Results, beta: Results) -> None:
    gathered = gather([alpha, beta])
    assert gathered.warnings == ()
    assert [run.colour for run in gathered.runs] == ["var(--run-1)", "var(--run-2)"]
    assert gathered.runs[0].keys.equals(gathered.runs[1].keys)


def test_a_model_that_is_shown_the_truth_is_no_competitor(alpha: Results, beta: Results) -> None:
    told = changed(alpha, card={**alpha.run["card"], "sees_truth": True})
    sentence = "alpha: this model was shown the truth with the prompts, so no user can reach its scores."
    assert gather([told]).warnings == (sentence,)
    assert sentence in gather([told, beta]).warnings


def test_runs_of_one_name_are_told_apart(alpha: Results) -> None:
    noisy = changed(alpha, prompts={"name": "noisy"}, prompts_digest="other")
    assert [run.name for run in gather([alpha, noisy]).runs] == ["alpha, perfect", "alpha, noisy"]
    assert gather([alpha, noisy]).told == "fake-turns on ellipses, prompts: perfect and noisy"
    assert [run.name for run in gather([alpha, alpha]).runs] == ["alpha (1)", "alpha (2)"]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"protocol_digest": "f" * 64}, "protocols differ (alpha"),
        ({"prompts_digest": "f" * 64}, "simulated users differ (alpha"),
        ({"data_digest": "f" * 64}, "data differ (alpha"),
        ({"across": "slices"}, "different ways (alpha"),
    ],
)
def test_each_difference_is_a_warning(alpha: Results, beta: Results, facts: dict[str, str], words: str) -> None:
    (warning,) = gather([alpha, changed(beta, **facts)]).warnings
    assert words in warning
    assert "beta" in warning


def test_only_common_sessions_are_compared_and_the_rest_is_counted(alpha: Results, beta: Results) -> None:
    gathered = gather([alpha, without_case(beta, "s3")])
    assert [run.sessions for run in gathered.runs] == [88, 88]
    assert [run.left_out for run in gathered.runs] == [8, 0]
    assert gathered.warnings == ("alpha: 8 of its sessions are not in every run and are left out here.",)
    assert "s3" not in gathered.first.turns["case"].unique().to_pylist()
    assert "s3" not in gathered.first.scores["case"].unique().to_pylist()


def test_an_arm_that_one_model_was_not_asked_is_left_out(make: Make, alpha: Results) -> None:
    gathered = gather([alpha, make(model="clicks only", skipped=("box, then clicks",))])
    assert [arm.name for arm in gathered.runs[0].arms] == ["click"]
    assert gathered.runs[0].left_out == 48


def test_nothing_in_common_is_refused(alpha: Results, levels: Results, beta: Results) -> None:
    with pytest.raises(BadResults, match=r"share no way of prompting.*fake-turns.*fake-levels"):
        gather([alpha, levels])
    other_seed = {**beta.run["protocol"], "seed": 7}
    with pytest.raises(BadResults, match="share no way"):
        gather([alpha, changed(beta, protocol=other_seed)])
    with pytest.raises(BadResults, match="no results"):
        gather([])


def test_other_cases_are_refused(make: Make, alpha: Results, volume: Results) -> None:
    with pytest.raises(BadResults, match="no session in common"):
        gather([without_case(alpha, "s0"), Only(alpha.path, alpha.run)])


class Only(Results):
    """The results of the first case alone."""

    def efforts(self) -> pa.Table:
        whole = Results.open(self.path).turns
        return whole.filter(pa.compute.equal(whole["case"], "s0"))

    @property
    def scores(self) -> pa.Table:  # type: ignore[override]
        whole = Results.open(self.path).scores
        return whole.filter(pa.compute.equal(whole["case"], "s0"))


def test_where_rows_begin() -> None:
    table = pa.table({"case": ["a", "a", "b", "b"], "turn": [1, 2, 2, 2]})
    assert starts_of(table, ["case"]).tolist() == [0, 2]
    assert starts_of(table, ["case", "turn"]).tolist() == [0, 1, 2]
    assert starts_of(table.slice(0, 0), ["case"]).tolist() == []


def test_keys_tell_sessions(alpha: Results, tmp_path: Path) -> None:
    run = gather([alpha]).first
    assert len(set(run.keys.to_pylist())) == run.sessions
    assert keys_of(run.turns.slice(0, 1)).to_pylist() == ["s0\x1fliver\x1f0\x1fclick"]
    assert np.all(np.diff(run.first_rows) > 0)
