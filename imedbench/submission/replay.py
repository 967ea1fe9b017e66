"""Asks a case's sessions again: each prompt from the truth and the submitted guess before it, and every score anew."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from imedbench.evaluate.loop import Dialogue
from imedbench.evaluate.plan import Plan
from imedbench.evaluate.results import guess_of
from imedbench.evaluate.scoring import Row, Scored, Scorer, gate_cases, score_rows, turn_rows
from imedbench.evaluate.tasks import goal_of, identity_of
from imedbench.evaluate.written import CERTAIN, write_prompts
from imedbench.submission.compare import MEASURED, Key, compare_facts, compare_scores, key_of, place_of, short
from imedbench.submission.streams import RUNS, fault_of, turn_rows_of
from imedbench.submission.verdict import Findings
from imedbench.targets import Vocabulary
from imedbench.types import Case, Prediction, Prompt

if TYPE_CHECKING:
    import pyarrow as pa

LEAST_VOXELS = 100
"""Of a truth that nobody finds exactly by chance."""


@dataclass(slots=True)
class Replayed:
    """What a case was found to be."""

    findings: Findings = field(default_factory=Findings)
    scores: list[Row] = field(default_factory=list)
    """Computed here."""
    sessions: int = 0
    turns: int = 0
    exact: int = 0
    """Sessions whose first guess is the truth to the voxel, where no prompt shows it and that is no accident."""
    large: int = 0
    """Sessions in which it would be none."""
    seconds: list[float] = field(default_factory=list)
    """Of each answer."""
    encode_seconds: float = 0.0
    digest: str = ""
    """SHA-256 of the guesses, by what they answer."""


@dataclass(frozen=True, slots=True, eq=False)
class Claims:
    """A case's rows of ``turns`` and ``scores`` as submitted; None where there are none."""

    turns: "pa.Table | None"
    scores: "pa.Table | None"


def replay_case(plan: Plan, case: Case, masks: Sequence[int], claims: Claims) -> Replayed:
    """Checks all that a submission says of one case.

    Args:
        plan: of the run.
        case: with its truth.
        masks: the numbers of those that are asked for.
        claims: what is said.
    """
    replayed = Replayed()
    rows = turn_rows_of(claims.turns) if claims.turns is not None else []
    replayed.digest = _digest(rows)
    sessions = _sessions(rows, replayed.findings)
    vocabulary = Vocabulary.load()
    scored: list[Scored] = []
    for number in masks:
        goal = goal_of(case, number)
        who = identity_of(case, goal, vocabulary)
        scorer = Scorer(goal.truth, goal.spacing_mm, plan.protocol.metrics)
        for arm in plan.arms:
            key = (case.id, goal.target, goal.instance, arm.name)
            again = _Again(Dialogue(goal, arm, plan.protocol.seed), sessions.pop(key, []), key, replayed)
            if again.lead():
                compare_facts(turn_rows(who, again.dialogue, 0.0), again.rows, replayed.findings)
                scored.append(Scored.of(who, again.dialogue, scorer))
    for key in sessions:
        replayed.findings.add("coverage", place_of(key), "is no session of the task")
    gate_cases(plan.protocol, scored)
    replayed.scores = [row for session in scored for row in score_rows(plan.protocol, session)]
    compare_scores(replayed.scores, claims.scores.to_pylist() if claims.scores is not None else [], replayed.findings)
    return replayed


def _digest(rows: Sequence[Row]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps([*key_of(row), row["turn"]]).encode())
        for name in RUNS:
            digest.update(row[name].tobytes())
    return digest.hexdigest()


def _sessions(rows: Sequence[Row], findings: Findings) -> dict[Key, list[Row]]:
    found: dict[Key, list[Row]] = {}
    for key, theirs in groupby(rows, key=key_of):
        if key in found:
            findings.add("coverage", place_of(key), "is there twice, or in pieces")
        else:
            found[key] = list(theirs)
    return found


@dataclass(slots=True, eq=False)
class _Again:
    """A session that is led once more, with the submitted guesses for answers."""

    dialogue: Dialogue
    rows: Sequence[Row]
    key: Key
    replayed: Replayed

    def lead(self) -> bool:
        """Whether it could be led to its end; where not, a discrepancy says why."""
        if not self.rows:
            return self._wrong("coverage", 0, "is missing")
        self.replayed.sessions += 1
        for number, row in enumerate(self.rows, start=1):
            if row["turn"] != number:
                return self._wrong("coverage", number, f"is written as turn {row['turn']}")
            if not self._times(row):
                return False
            prompts = self.dialogue.ask()
            if not prompts:
                return self._silent(number)
            if not self._answered(prompts, row):
                return False
            if number == 1 and not row["error"]:
                self._note_exact()
        over = not self.dialogue.ask()
        return over or self._wrong("coverage", len(self.rows) + 1, "is missing: the session was not over")

    def _wrong(self, check: Any, turn: int, what: str) -> bool:
        self.replayed.findings.add(check, place_of(self.key, turn), what)
        return False

    def _times(self, row: Row) -> bool:
        """Takes the measured numbers of a turn; whether they are possible at all."""
        self.replayed.turns += 1
        # A model that gave no answer has no estimate of it either.
        given = MEASURED if len(row["starts"]) else MEASURED[1:]
        wrong = [name for name in given if not math.isfinite(row[name])]
        wrong += [name for name in MEASURED[1:] if row[name] < 0]
        if wrong:
            return self._wrong("facts", row["turn"], f"{wrong[0]} is {row[wrong[0]]}")
        self.replayed.encode_seconds += row["encode_seconds"]
        if not row["error"]:
            self.replayed.seconds.append(row["seconds"])
        return True

    def _silent(self, turn: int) -> bool:
        """The user has nothing to say: in the first turn that is the session, its guess empty; later it is over."""
        alone = turn == 1 and len(self.rows) == 1
        if alone and not len(self.rows[0]["starts"]) and not self.rows[0]["error"]:
            return True
        return self._wrong("coverage", turn, "comes after the end of the session")

    def _answered(self, prompts: tuple[Prompt, ...], row: Row) -> bool:
        """Gives the session the submitted answer; whether it may go on."""
        given, told = json.loads(write_prompts(prompts)), _read(row["given"])
        # An image that could not be encoded was never asked about.
        unasked = bool(row["error"]) and row["turn"] == 1 and told == []
        if told != given and not unasked:
            return self._wrong("prompts", row["turn"], f"should be {short(given)}, and is {short(told)}")
        if row["error"]:
            self.dialogue.fail(row["error"], () if unasked else prompts)
            return True
        if fault := self._fault(row):
            return self._wrong("guesses", row["turn"], fault)
        logits = np.where(guess_of(row), np.float32(CERTAIN), np.float32(-CERTAIN))
        self.dialogue.take(prompts, Prediction(logits, row["model_score"]), row["seconds"])
        return True

    def _fault(self, row: Row) -> str:
        grid, shape = self.dialogue.goal.truth.shape, tuple(row["shape"])
        return fault_of(row, grid) if shape == grid else f"is on a grid of {shape}, and the target's is {grid}"

    def _note_exact(self) -> None:
        """Counts a first guess that is the truth itself, unless a prompt shows a mask."""
        truth = self.dialogue.goal.truth
        if "mask" in self.dialogue.arm.kinds or np.count_nonzero(truth) < LEAST_VOXELS:
            return
        self.replayed.large += 1
        self.replayed.exact += bool(np.array_equal(self.dialogue.turns[0].guess, truth))


def _read(text: str) -> Any:
    """Prompts as JSON; text that is none comes back as it is, and differs from any prompt."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
