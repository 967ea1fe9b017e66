"""What the check of a submission found: a list of checks, each with its first discrepancies."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

Outcome = Literal["verified", "doubtful", "rejected"]
CheckName = Literal["record", "task", "coverage", "guesses", "prompts", "facts", "scores", "truth", "timing"]
CHECKS: dict[CheckName, str] = {
    "record": "the record of the run agrees with itself",
    "task": "protocol, prompts, data and subset are those of the task",
    "coverage": "every session that is owed is there, once, and no other",
    "guesses": "every guess is a mask on its target's grid",
    "prompts": "every prompt is the one that the protocol makes of the truth and the guess before it",
    "facts": "patients, sizes, effort and all else that is told of a session is so",
    "scores": "every score is what the guess scores",
    "truth": "first guesses are not the truth itself",
    "timing": "times are possible",
}
DOUBTS = frozenset(("truth", "timing"))
"""What may have another reason than deceit: a person decides."""
_NUMBERS = ("sessions", "turns", "seconds", "claimed_seconds")
SHOWN = 20
"""Discrepancies of a check that are told one by one."""


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Something that is not as it should be."""

    where: str
    """Case, target, prompts and turn, as far as it has them."""
    what: str


@dataclass(slots=True)
class Check:
    """One thing that was looked at."""

    name: CheckName
    count: int = 0
    """Discrepancies."""
    examples: list[Discrepancy] = field(default_factory=list)
    """The first of them."""

    @property
    def passed(self) -> bool:
        """Whether there is no discrepancy."""
        return not self.count


@dataclass(slots=True)
class Findings:
    """Discrepancies as they are found, part by part."""

    checks: dict[CheckName, Check] = field(default_factory=dict)

    def add(self, check: CheckName, where: str, what: str) -> None:
        """Notes a discrepancy."""
        found = self.checks.setdefault(check, Check(check))
        found.count += 1
        if len(found.examples) < SHOWN:
            found.examples.append(Discrepancy(where, what))

    def merge(self, other: "Findings") -> None:
        """Adds those of another part, behind its own."""
        for name, check in other.checks.items():
            found = self.checks.setdefault(name, Check(name))
            found.examples += check.examples[: SHOWN - len(found.examples)]
            found.count += check.count


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a submission came out of its check."""

    checks: tuple[Check, ...]
    """All of `CHECKS`, in their order."""
    sessions: int
    turns: int
    seconds: float
    """What the check took."""
    claimed_seconds: float
    """What the model says that its answers took."""
    answers: str
    """SHA-256 of all guesses, whoever submits them under whatever name; empty where they were not read."""

    @classmethod
    def of(cls, findings: Findings, *, answers: str = "", **numbers: Any) -> Self:
        """Of all discrepancies that were found; ``numbers`` are 0 where the check ended before its beginning."""
        checks = tuple(findings.checks.get(name, Check(name)) for name in CHECKS)
        return cls(checks, answers=answers, **dict.fromkeys(_NUMBERS, 0) | numbers)

    @property
    def outcome(self) -> Outcome:
        """What follows from it."""
        failed = {check.name for check in self.failed}
        if failed - DOUBTS:
            return "rejected"
        return "doubtful" if failed else "verified"

    @property
    def failed(self) -> Iterator[Check]:
        """The checks that found something."""
        return (check for check in self.checks if not check.passed)

    def to_json(self) -> dict[str, Any]:
        """As plain values; `from_json` takes them."""
        return {"outcome": self.outcome, **asdict(self)}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """What `to_json` gave."""
        checks = tuple(
            Check(each["name"], each["count"], [Discrepancy(**one) for one in each["examples"]])
            for each in told["checks"]
        )
        return cls(checks, answers=told["answers"], **{name: told[name] for name in _NUMBERS})
