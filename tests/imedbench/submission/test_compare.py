import math
from typing import Any

import pytest

from imedbench.submission.compare import compare_facts, compare_scores, key_of, place_of, same, short
from imedbench.submission.verdict import Findings

WHO = {"case": "c1", "target": "liver", "instance": 2, "prompts": "click"}


@pytest.mark.parametrize(
    ("known", "told", "equal"),
    [
        (0.5, 0.5 + 1e-9, True),
        (0.5, 0.5001, False),
        (1e6, 1e6 + 0.5, True),
        (math.nan, math.nan, True),
        (math.nan, 0.0, False),
        (0.0, math.nan, False),
        (math.inf, math.inf, True),
        (math.inf, 1e300, False),
        (1.0, "1.0", False),
        ([1, 2], [1, 2], True),
        ([1, 2], [1, 2, 3], False),
        ("a", "b", False),
        (True, True, True),
    ],
)
def test_same(known: Any, told: Any, equal: bool) -> None:
    assert same(known, told) == equal


def test_places_in_words() -> None:
    assert place_of(key_of(WHO)) == "c1, liver 2, click"
    assert place_of(("c1", "liver", 0, "click"), 3) == "c1, liver, click, turn 3"
    assert place_of(("c1", "liver", 0, "click"), 3, "dice") == "c1, liver, click, turn 3, dice"
    assert place_of(("c1", "liver", 0, "click"), 0, "auc dice") == "c1, liver, click, auc dice"


def test_long_values_are_cut() -> None:
    assert len(short("x" * 1000)) < 210


def test_facts_but_for_those_that_only_who_ran_it_knows() -> None:
    known = WHO | {"turn": 1, "clicks": 1, "seconds": 0.0, "model_score": 0.9, "starts": [1], "given": "[]"}
    told = known | {"seconds": 5.0, "model_score": 0.1, "starts": [7]}
    findings = Findings()
    compare_facts([known], [told], findings)
    assert not findings.checks
    compare_facts([known], [told | {"clicks": 4}], findings)
    (example,) = findings.checks["facts"].examples
    assert (example.where, example.what) == ("c1, liver 2, click, turn 1", "clicks is 1, not 4")


def test_scores() -> None:
    rows = [WHO | {"turn": turn, "metric": "dice", "value": 0.5, "failed": False} for turn in (1, 2, 3)]
    findings = Findings()
    compare_scores(rows, rows[::-1], findings)
    assert not findings.checks
    compare_scores(rows, [rows[0], rows[0], rows[1] | {"value": 0.9}, rows[2] | {"turn": 4}], findings)
    told = {example.where.split(", ")[3]: example.what for example in findings.checks["scores"].examples}
    assert told == {
        "turn 1": "is there twice",
        "turn 2": "value is 0.5, not 0.9",
        "turn 3": "is missing",
        "turn 4": "is a score that nothing was asked for",
    }
