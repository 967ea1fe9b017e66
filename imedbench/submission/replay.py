"""Asks a case's sessions again: each prompt from the truth and the submitted guess before it, and every score anew."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, product
from typing import TYPE_CHECKING, Any

import numpy as np

from imedbench.evaluate.loop import Dialogue
from imedbench.evaluate.protocol import Arm, Protocol
from imedbench.evaluate.results import guess_of
from imedbench.evaluate.scoring import Row, Scored, Scorer, gate_cases, score_rows, turn_rows
from imedbench.evaluate.tasks import goal_of, identity_of
from imedbench.evaluate.written import CERTAIN, write_prompts
from imedbench.submission.streams import RUNS, fault_of, turn_rows_of
from imedbench.submission.verdict import Findings
from imedbench.targets import Vocabulary
from imedbench.types import Case, Prediction, Prompt

if TYPE_CHECKING:
    import pyarrow as pa

SESSION = ("target", "instance", "prompts")
"""The columns that tell a session of a case."""
TOLERANCE = 1e-6
"""By which a score may differ: absolutely below 1, relatively above. Other versions of numpy add in another order."""
LEAST_VOXELS = 100
"""Of a truth that nobody finds exactly by chance."""
_MEASURED = ("model_score", "seconds", "encode_seconds")
"""Columns of ``turns`` that only who ran the model can know."""
_SCORE = ("target", "instance", "prompts", "metric", "turn")
Key = tuple[Any, ...]


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


def replay_case(
    protocol: Protocol,
    arms: Sequence[Arm],
    case: Case,
    masks: Sequence[int],
    tables: "tuple[pa.Table | None, pa.Table | None]",
) -> Replayed:
    """Checks all that a submission says of one case.

    Args:
        protocol: of the task.
        arms: of it, those that the model was asked, as it was asked them.
        case: with its truth.
        masks: the numbers of those that are asked for.
        tables: the case's rows of ``turns`` and of ``scores``; None where there are none.
    """
    replayed = Replayed()
    turns, claimed = tables
    sessions = _sessions(case.id, turns_of(turns), replayed.findings)
    vocabulary = Vocabulary.load()
    scored: list[Scored] = []
    for number in masks:
        goal = goal_of(case, number)
        scorer = Scorer(goal.truth, goal.spacing_mm, protocol.metrics)
        for arm in arms:
            rows = sessions.pop((goal.target, goal.instance, arm.name), None)
            dialogue = Dialogue(goal, arm, protocol.seed)
            where = _where(case.id, goal.target, goal.instance, arm.name)
            if rows is None:
                replayed.findings.add("coverage", where, "is missing")
                continue
            who = identity_of(case, goal, vocabulary)
            if _replay(dialogue, rows, where, replayed):
                _compare_facts(turn_rows(who, dialogue, 0.0), rows, where, replayed.findings)
                scored.append(Scored.of(who, dialogue, scorer))
    for key in sessions:
        replayed.findings.add("coverage", _where(case.id, *key), "is no session of the task")
    gate_cases(protocol, scored)
    replayed.scores = [row for session in scored for row in score_rows(protocol, session)]
    _compare_scores(replayed, claimed, case.id)
    return replayed


def turns_of(turns: "pa.Table | None") -> list[Row]:
    """The rows of a case; none where there are none."""
    return [] if turns is None else turn_rows_of(turns)


def _sessions(case: str, rows: Sequence[Row], findings: Findings) -> dict[Key, list[Row]]:
    found: dict[Key, list[Row]] = {}
    for key, theirs in groupby(rows, key=lambda row: tuple(row[name] for name in SESSION)):
        if key in found:
            findings.add("coverage", _where(case, *key), "is there twice, or in pieces")
        else:
            found[key] = list(theirs)
    return found


def _where(case: str, target: str, instance: int, arm: str, turn: int = 0) -> str:
    named = f"{target} {instance}" if instance else target
    return f"{case}, {named}, {arm}" + (f", turn {turn}" if turn else "")


def _replay(dialogue: Dialogue, rows: Sequence[Row], where: str, replayed: Replayed) -> bool:
    """Leads a session with the submitted guesses; whether it could be led to its end."""
    replayed.sessions += 1
    findings = replayed.findings
    for number, row in enumerate(rows, start=1):
        here = f"{where}, turn {number}"
        if row["turn"] != number:
            findings.add("coverage", here, f"is written as turn {row['turn']}")
            return False
        if not _times(row, here, replayed):
            return False
        prompts = dialogue.ask()
        if not prompts:
            return _silent(dialogue, rows, number, here, findings)
        if not _answered(dialogue, prompts, row, here, findings):
            return False
        if number == 1 and not row["error"]:
            _note_exact(dialogue, replayed)
    if dialogue.ask():
        findings.add("coverage", f"{where}, turn {len(rows) + 1}", "is missing: the session was not over")
        return False
    return True


def _times(row: Row, here: str, replayed: Replayed) -> bool:
    """Takes the measured numbers of a turn; whether they are numbers at all."""
    replayed.turns += 1
    wrong = [name for name in _MEASURED if not math.isfinite(row[name])]
    wrong += [name for name in _MEASURED[1:] if row[name] < 0]
    if wrong:
        replayed.findings.add("facts", here, f"{wrong[0]} is {row[wrong[0]]}")
        return False
    replayed.encode_seconds += row["encode_seconds"]
    if not row["error"]:
        replayed.seconds.append(row["seconds"])
    return True


def _silent(dialogue: Dialogue, rows: Sequence[Row], number: int, here: str, findings: Findings) -> bool:
    """The user has nothing to say: in the first turn that is the session, with an empty guess; later it is over."""
    if number == 1 and len(rows) == 1 and not len(rows[0]["starts"]) and not rows[0]["error"]:
        return True
    findings.add("coverage", here, "comes after the end of the session")
    return False


def _answered(
    dialogue: Dialogue, prompts: tuple[Prompt, ...], row: Row, here: str, findings: Findings
) -> bool:
    """Gives the session the submitted answer; whether it may go on."""
    given = json.loads(write_prompts(prompts))
    told = _read(row["given"])
    # An image that could not be encoded was never asked about.
    unasked = row["error"] and row["turn"] == 1 and told == []
    if told != given and not unasked:
        findings.add("prompts", here, f"should be {_short(given)}, and is {_short(told)}")
        return False
    if row["error"]:
        dialogue.fail(row["error"], () if unasked else prompts)
        return True
    if fault := _grid_fault(row, dialogue.goal.truth.shape):
        findings.add("guesses", here, fault)
        return False
    guess = guess_of(row)
    logits = np.where(guess, np.float32(CERTAIN), np.float32(-CERTAIN))
    dialogue.take(prompts, Prediction(logits, row["model_score"]), row["seconds"])
    return True


def _grid_fault(row: Row, grid: tuple[int, ...]) -> str:
    shape = tuple(row["shape"])
    return fault_of(row, grid) if shape == grid else f"is on a grid of {shape}, and the target's is {grid}"


def _note_exact(dialogue: Dialogue, replayed: Replayed) -> None:
    """Counts first guesses that are the truth itself, unless a prompt shows a mask."""
    truth = dialogue.goal.truth
    if "mask" in dialogue.arm.kinds or np.count_nonzero(truth) < LEAST_VOXELS or not dialogue.turns:
        return
    replayed.large += 1
    replayed.exact += bool(np.array_equal(dialogue.turns[0].guess, truth))


def _read(text: str) -> Any:
    """Prompts as JSON; text that is none comes back as it is, and differs from any prompt."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _compare_facts(expected: Sequence[Row], rows: Sequence[Row], where: str, findings: Findings) -> None:
    """Tells of what is said of a session's turns and is not so; what was measured is taken from who measured it."""
    for known, row in zip(expected, rows, strict=True):
        for name, value in known.items():
            if name in _MEASURED or name in RUNS or name == "given":
                continue
            if not _same(value, row[name]):
                findings.add("facts", f"{where}, turn {row['turn']}", f"{name} is {value!r}, not {_short(row[name])}")


def _compare_scores(replayed: Replayed, claimed: "pa.Table | None", case: str) -> None:
    told: dict[Key, Row] = {}
    for row in [] if claimed is None else claimed.to_pylist():
        key = tuple(row[name] for name in _SCORE)
        if key in told:
            replayed.findings.add("scores", _score_at(case, key), "is there twice")
        told[key] = row
    for known in replayed.scores:
        key = tuple(known[name] for name in _SCORE)
        row = told.pop(key, None)
        if row is None:
            replayed.findings.add("scores", _score_at(case, key), "is missing")
            continue
        for name, value in _differing(known, row):
            replayed.findings.add("scores", _score_at(case, key), f"{name} is {value!r}, not {row[name]!r}")
    for key in told:
        replayed.findings.add("scores", _score_at(case, key), "is a score that nothing was asked for")


def _differing(known: Row, row: Row) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in known.items() if not _same(value, row[name]))


def _score_at(case: str, key: Key) -> str:
    target, instance, arm, metric, turn = key
    return f"{_where(case, target, instance, arm, turn)}, {metric}"


def _same(known: Any, told: Any) -> bool:
    if isinstance(known, float) and isinstance(told, int | float):
        if math.isnan(known) or math.isinf(known) or not math.isfinite(told):
            return math.isnan(known) and math.isnan(told) or known == told
        return abs(known - told) <= TOLERANCE * max(1.0, abs(known))
    if isinstance(known, list):
        return isinstance(told, list) and len(known) == len(told) and all(map(_same, known, told))
    return bool(known == told)
