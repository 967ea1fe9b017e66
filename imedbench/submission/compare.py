"""What a submission says of a case beside what was found: row by row, value by value."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from imedbench.submission.streams import RUNS
from imedbench.submission.verdict import Findings

Row = Mapping[str, Any]
Key = tuple[Any, ...]
SESSION = ("case", "target", "instance", "prompts")
"""The columns that tell a session."""
MEASURED = ("model_score", "seconds", "encode_seconds")
"""Columns of ``turns`` that only who ran the model can know."""
TOLERANCE = 1e-6
"""By which a score may differ: absolutely below 1, relatively above. Other versions of numpy add in another order."""
_SCORE = (*SESSION, "turn", "metric")


def key_of(row: Row) -> Key:
    """Which session a row is of."""
    return tuple(row[name] for name in SESSION)


def place_of(session: Key, *more: Any) -> str:
    """A session, or a turn or a score of it, in words."""
    case, target, instance, arm = session
    named = f"{target} {instance}" if instance else target
    turn = f", turn {more[0]}" if more and more[0] else ""
    return f"{case}, {named}, {arm}{turn}" + "".join(f", {one}" for one in more[1:])


def compare_facts(expected: Sequence[Row], told: Sequence[Row], findings: Findings) -> None:
    """Tells of what is said of a session's turns and is not so; what was measured is taken from who measured it."""
    for known, row in zip(expected, told, strict=True):
        for name, value in known.items():
            taken = name in MEASURED or name in RUNS or name == "given"
            if not taken and not same(value, row[name]):
                where = place_of(key_of(row), row["turn"])
                findings.add("facts", where, f"{name} is {value!r}, not {short(row[name])}")


def compare_scores(expected: Sequence[Row], told: Sequence[Row], findings: Findings) -> None:
    """Tells of scores that are not what was found, that are missing, or that nothing was asked for."""
    left: dict[Key, Row] = {}
    for row in told:
        key = tuple(row[name] for name in _SCORE)
        if key in left:
            findings.add("scores", place_of(key[:4], *key[4:]), "is there twice")
        left[key] = row
    for known in expected:
        key = tuple(known[name] for name in _SCORE)
        claimed = left.pop(key, None)
        if claimed is None:
            findings.add("scores", place_of(key[:4], *key[4:]), "is missing")
            continue
        for name, value in _differing(known, claimed):
            what = f"{name} is {value!r}, not {short(claimed[name])}"
            findings.add("scores", place_of(key[:4], *key[4:]), what)
    for key in left:
        findings.add("scores", place_of(key[:4], *key[4:]), "is a score that nothing was asked for")


def same(known: Any, told: Any) -> bool:
    """Whether a value is what was found, up to rounding."""
    if isinstance(known, float) and isinstance(told, int | float):
        if not (math.isfinite(known) and math.isfinite(told)):
            return (math.isnan(known) and math.isnan(told)) or known == told
        return abs(known - told) <= TOLERANCE * max(1.0, abs(known))
    if isinstance(known, list):
        return isinstance(told, list) and len(known) == len(told) and all(map(same, known, told))
    return bool(known == told)


def short(value: Any) -> str:
    """A value in a message."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _differing(known: Row, row: Row) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in known.items() if not same(value, row[name]))
