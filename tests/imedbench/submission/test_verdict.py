import json

import pytest

from imedbench.submission.verdict import CHECKS, DOUBTS, SHOWN, CheckName, Findings, Verdict


def test_nothing_found_is_verified() -> None:
    verdict = Verdict.of(Findings(), sessions=3, turns=9, seconds=1.5, claimed_seconds=20.0, answers="ab")
    assert verdict.outcome == "verified"
    assert not list(verdict.failed)
    assert [check.name for check in verdict.checks] == list(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_a_doubt_is_for_a_person_to_decide_all_else_is_rejected(name: CheckName) -> None:
    findings = Findings()
    findings.add(name, "here", "is wrong")
    assert Verdict.of(findings).outcome == ("doubtful" if name in DOUBTS else "rejected")


def test_a_doubt_beside_a_fault_is_rejected() -> None:
    findings = Findings()
    for name in ("truth", "scores"):
        findings.add(name, "here", "is wrong")  # type: ignore[arg-type]
    assert Verdict.of(findings).outcome == "rejected"


def test_all_are_counted_and_the_first_are_told() -> None:
    findings, more = Findings(), Findings()
    for number in range(15):
        findings.add("scores", f"first {number}", "is wrong")
        more.add("scores", f"more {number}", "is wrong")
    more.add("prompts", "more", "is wrong")
    findings.merge(more)
    assert findings.checks["scores"].count == 30
    assert [one.where for one in findings.checks["scores"].examples][14:] == [
        "first 14",
        *(f"more {n}" for n in range(5)),
    ]
    assert len(findings.checks["scores"].examples) == SHOWN
    assert findings.checks["prompts"].count == 1


def test_it_survives_json() -> None:
    findings = Findings()
    findings.add("truth", "all cases", "exact")
    verdict = Verdict.of(findings, sessions=3, turns=9, seconds=1.5, claimed_seconds=20.0, answers="ab")
    told = json.loads(json.dumps(verdict.to_json()))
    assert told["outcome"] == "doubtful"
    assert Verdict.from_json(told) == verdict
