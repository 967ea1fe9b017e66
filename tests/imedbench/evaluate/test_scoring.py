import math
from typing import Any

import numpy as np
import pytest

from imedbench.evaluate.loop import Dialogue, Goal
from imedbench.evaluate.protocol import Protocol
from imedbench.evaluate.scoring import Identity, Scored, Scorer, gate_cases, score_rows, turn_rows
from imedbench.evaluate.tables import schema
from imedbench.evaluate.written import read_prompts
from imedbench.metrics import dice, hd95, surface_dice
from imedbench.types import Box, Click, Mask, Turn

TRUTH = np.zeros((4, 20, 30), bool)
TRUTH[1:3, 5:15, 5:20] = True
SPACING = (5.0, 1.0, 0.5)
WHO = Identity("made", "p1", "s1", "s1", "ct", "liver", "abdomen", 0)
NSD = {"metric": "nsd", "tolerance_mm": 2}


def protocol(**fields: Any) -> Protocol:
    click = {"simulate": "click"}
    written = {
        "id": "test",
        "summary": "",
        "source": "",
        "arms": [{"name": "clicks", "first": [click], "later": [click], "turns": 4}],
        "metrics": [{"metric": "dice"}, {"metric": "iou"}, NSD, {"metric": "hd95"}],
        "curves": [{"curve": "auc", "of": "dice"}, {"curve": "noc", "of": "iou", "threshold": 0.8}],
    }
    return Protocol.model_validate(written | fields)


def narrow(columns: int) -> Mask:
    guess = TRUTH.copy()
    guess[..., 5 + columns :] = False
    return guess


def dialogue(asked: Protocol, *guesses: Mask, error: str = "") -> Dialogue:
    turns = [Turn(number, (Click((1.0, 9.0, 9.0)),), guess, 0.5, 0.9) for number, guess in enumerate(guesses, 1)]
    return Dialogue(Goal("s1", "liver", 0, TRUTH, SPACING), asked.arms[0], 0, turns, error, ended=True)


def scored(asked: Protocol, one: Dialogue) -> list[dict[str, Any]]:
    return score_rows(asked, Scored.of(WHO, one, Scorer(TRUTH, SPACING, asked.metrics)))


def test_the_metrics_are_those_of_the_library() -> None:
    guess = narrow(10)
    values = Scorer(TRUTH, SPACING, protocol().metrics).score(guess)
    assert list(values) == ["dice", "iou", "nsd 2 mm", "hd95"]
    assert values["dice"] == pytest.approx(dice(TRUTH, guess))
    assert values["nsd 2 mm"] == pytest.approx(surface_dice(TRUTH, guess, SPACING, tolerance_mm=2))
    assert values["hd95"] == pytest.approx(hd95(TRUTH, guess, SPACING))


def test_millimetres_may_be_voxels() -> None:
    unit = protocol(metrics=[{"metric": "hd95", "unit_spacing": True}], curves=[])
    values = Scorer(TRUTH, SPACING, unit.metrics).score(narrow(10))
    assert values == {"hd95 voxels": pytest.approx(hd95(TRUTH, narrow(10), (1.0, 1.0, 1.0)))}


@pytest.mark.parametrize(("columns", "shut"), [(2, True), (14, False)])
def test_a_gate_shuts(columns: int, shut: bool) -> None:
    gated = protocol(metrics=[{"metric": "dice"}, NSD | {"gate": {"metric": "dice", "above": 0.5}}], curves=[])
    value = Scorer(TRUTH, SPACING, gated.metrics).score(narrow(columns))["nsd 2 mm"]
    assert (value == 0) == shut


def test_a_gate_over_the_case_looks_at_all_its_targets() -> None:
    gate = {"metric": "dice", "above": 0.5, "over": "case"}
    gated = protocol(metrics=[{"metric": "dice"}, NSD | {"gate": gate}], curves=[])
    # Means of the turns: 0.4, 0.55 where the second session has ended and the third has failed, and 0.3.
    values = [
        [{"dice": 0.3, "nsd 2 mm": 0.3}, {"dice": 0.75, "nsd 2 mm": 0.7}, {"dice": 0.0, "nsd 2 mm": 0.9}],
        [{"dice": 0.9, "nsd 2 mm": 1.0}],
        [{"dice": 0.0, "nsd 2 mm": 0.6}],
    ]
    sessions = [
        Scored(WHO, gated.arms[0], "" if n < 2 else "gone", 1, 0.1, 9.0, [0.5] * len(turns), turns)
        for n, turns in enumerate(values)
    ]
    gate_cases(gated, sessions)
    # What the second had in the end counts as soon as the gate is open, and no longer.
    assert [[turn["nsd 2 mm"] for turn in turns] for turns in values] == [[0, 0.7, 0], [0, 1.0, 0], [0]]
    assert [[turn["dice"] for turn in turns] for turns in values] == [[0.3, 0.75, 0.0], [0.9] * 3, [0.0]]
    rows = score_rows(gated, sessions[1])
    assert [(row["turn"], row["seconds"], row["value"]) for row in rows if row["metric"] == "nsd 2 mm"] == [
        (1, 0.5, 0),
        (2, 0.5, 1.0),
        (3, 0.5, 0),
    ]


def test_curves_of_distances() -> None:
    curves = [{"curve": name, "of": "hd95"} for name in ("auc", "gain", "monotonicity")]
    asked = protocol(curves=[*curves, {"curve": "noc", "of": "hd95", "threshold": 3}])
    empty = np.zeros_like(TRUTH)
    # Infinite, 2.5, 5 and 0 mm.
    rows = scored(asked, dialogue(asked, empty, narrow(10), narrow(5), TRUTH))
    diagonal = math.hypot(20, 20, 15)
    found = {row["metric"]: row["value"] for row in rows if row["turn"] == 0}
    assert found == pytest.approx(
        {"auc hd95": diagonal / 2 + 7.5, "gain hd95": -diagonal, "monotonicity hd95": 2 / 3, "noc@300 hd95": 2}
    )


def test_rows_of_a_session_that_ended_early() -> None:
    rows = scored(protocol(), dialogue(protocol(), narrow(5), TRUTH))
    assert set(rows[0]) == set(schema("scores").names)
    assert [(row["turn"], row["metric"]) for row in rows][:5] == [
        *((1, m) for m in ("dice", "iou", "nsd 2 mm", "hd95")),
        (2, "dice"),
    ]
    assert {row["seconds"] for row in rows if row["turn"] == 2} == {1.0}
    assert (rows[0]["voxels"], rows[0]["fraction"]) == (300, 300 / 2400)
    assert rows[0]["diagonal_mm"] == pytest.approx(math.hypot(20, 20, 15))
    curves = {row["metric"]: row["value"] for row in rows if row["turn"] == 0}
    # The last answer stands for the turns that were not needed: 0.5, 1, 1, 1.
    assert curves == {"auc dice": pytest.approx(2.75), "noc@80 iou": 2.0}
    assert not any(row["failed"] for row in rows)


def test_rows_of_a_session_that_failed() -> None:
    rows = scored(protocol(), dialogue(protocol(), narrow(5), error="RuntimeError: gone"))
    missing = [row for row in rows if row["failed"]]
    assert sorted({row["turn"] for row in missing}) == [0, 2, 3, 4]
    assert len(missing) == 2 + 3 * 4
    assert all(math.isnan(row["value"]) for row in missing)
    assert [row["metric"] for row in rows if not row["failed"]] == ["dice", "iou", "nsd 2 mm", "hd95"]


def test_turns_say_what_was_asked_and_answered() -> None:
    one = dialogue(protocol(), narrow(5), error="RuntimeError: gone")
    one.turns[0] = Turn(1, (Click((1.0, 9.0, 9.0)), Box((1.0, 5.0, 5.0), (3.0, 15.0, 20.0))), narrow(5), 0.5, 0.9)
    first, last = turn_rows(WHO, one, 0.25)
    assert set(first) == set(schema("turns").names)
    assert read_prompts(first["given"]) == one.turns[0].prompts
    assert (first["turn"], first["clicks"], first["seconds"], first["encode_seconds"]) == (1, 1, 0.5, 0.25)
    assert first["effort_s"] > 0
    assert sum(first["lengths"]) == narrow(5).sum()
    assert (last["turn"], last["error"], list(last["starts"]), last["given"]) == (2, "RuntimeError: gone", [], "[]")
