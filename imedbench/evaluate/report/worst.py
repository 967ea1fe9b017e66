"""The worst sessions of a report, as pictures where the store is still there; and those that failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from imedbench.errors import ImedbenchError, printable
from imedbench.evaluate.report.numbers import Numbers
from imedbench.evaluate.report.plates import Drawing, Guess, Scene, draw_scene
from imedbench.evaluate.report.runs import APART, Run
from imedbench.evaluate.report.spread import featured
from imedbench.evaluate.report.words import metric_column
from imedbench.evaluate.results import guess_of
from imedbench.evaluate.written import read_prompts
from imedbench.metrics.sessions import SESSION
from imedbench.types import Case, Mask, Prompt, Text

if TYPE_CHECKING:
    from imedbench.store import Store

CASES = 10
GUESS_COLOURS = ("#62b0e8", "#f2a65a", "#63cb93", "#df8fd5", "#d9bd4e", "#f08c84", "#a5a8ff", "#a3b8c2")
"""Those of the runs, as bright as a dark picture wants them."""
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Plate:
    """One of the worst sessions."""

    case: str
    target: str
    prompts: str
    facts: str
    scores: tuple[tuple[str, str, str], ...]
    """Run, its colour on the picture, and its value."""
    drawing: Drawing | None


@dataclass(frozen=True, slots=True)
class Worst:
    """The worst sessions, each of another case."""

    metric: str
    plates: tuple[Plate, ...]
    missing: str = ""
    """Why there are no pictures, in a sentence; empty where there are."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A session that ended with an error."""

    run: str
    case: str
    target: str
    prompts: str
    turn: int
    error: str


def find_worst(numbers: Sequence[Numbers], cases: int = CASES) -> Worst:
    """The sessions with the worst final value of the first metric in any run, at most one a case; none that failed."""
    metric = numbers[0].run.protocol.metrics[0]
    column = metric_column(metric)
    ranked = _ranked(numbers, metric.label, column.better)[:cases]
    store, missing = _store_of(numbers[0].run)
    plates = []
    for session, values in ranked:
        rows = [_turns_of(each.run, session) for each in numbers]
        case = store[rows[0][0]["case"]] if store else None
        drawing = _draw(case, numbers, rows, values) if case else None
        scores = tuple(
            (each.run.name, colour_of(place), column.number(values[place])) for place, each in enumerate(numbers)
        )
        last = rows[0][-1]
        plates.append(Plate(last["case"], _target(last), last["prompts"], _facts(rows, values), scores, drawing))
    return Worst(column.title, tuple(plates), missing)


def find_failures(numbers: Sequence[Numbers]) -> list[Failure]:
    """All sessions that ended with an error, in the order of the data."""
    import pyarrow.compute as pc

    found = []
    for each in numbers:
        rows = each.run.turns.select([*SESSION, "turn", "error"])
        for row in rows.filter(pc.not_equal(rows["error"], "")).to_pylist():
            found.append(Failure(each.run.name, row["case"], _target(row), row["prompts"], row["turn"], row["error"]))
    return found


def colour_of(place: int) -> str:
    """The colour of a run's outlines."""
    return GUESS_COLOURS[place % len(GUESS_COLOURS)]


def _ranked(numbers: Sequence[Numbers], label: str, better: int) -> list[tuple[str, list[float]]]:
    """Sessions with the values of each run, the worst first; one a case."""
    values: list[dict[str, float]] = [{} for _ in numbers]
    for mine, each in zip(values, numbers, strict=True):
        for arm in featured(numbers):
            mine |= each.answered(arm.name, label)
    shared = [key for key in values[0] if all(key in one for one in values)]
    ranked = sorted(shared, key=lambda key: (min(better * one[key] for one in values), key))
    cases: dict[str, str] = {}
    for key in ranked:
        cases.setdefault(key.split(APART, 1)[0], key)
    return [(key, [one[key] for one in values]) for key in cases.values()]


def _store_of(run: Run) -> tuple["Store | None", str]:
    from imedbench.evaluate.data import digest_of
    from imedbench.store import Store

    name = run.facts["data"]["name"]
    try:
        store = Store.open(run.data)
        changed = digest_of(store) != run.facts["data_digest"]
    except (ImedbenchError, OSError):
        return None, f"The store {name} is no longer at {printable(run.data)}, so there are no pictures."
    if changed:
        return None, f"The store {name} at {printable(run.data)} is not what it was, so there are no pictures."
    return store, ""


def _turns_of(run: Run, session: str) -> Rows:
    """The rows of ``turns`` of one session."""
    import pyarrow.compute as pc

    place = pc.index(run.keys, session).as_py()
    which = run.turns.select(SESSION).slice(int(run.first_rows[place]), 1).to_pylist()
    return run.results.session(which[0])


def _draw(case: Case, numbers: Sequence[Numbers], rows: Sequence[Rows], values: Sequence[float]) -> Drawing:
    """The answers of all runs; the prompts are those of the worst."""
    guesses = [
        Guess(each.run.name, colour_of(place), guess_of(mine[-1]))
        for place, (each, mine) in enumerate(zip(numbers, rows, strict=True))
    ]
    last = rows[0][-1]
    words = f"{case.id}, {_target(last)}: truth, {', '.join(guess.name for guess in guesses)} and prompts"
    return draw_scene(Scene(case.image, _truth(case, last), guesses, _prompts(rows[_blamed(values, numbers)]), words))


def _blamed(values: Sequence[float], numbers: Sequence[Numbers]) -> int:
    """The run with the worst value."""
    better = metric_column(numbers[0].run.protocol.metrics[0]).better
    return int(np.argmin([better * value for value in values]))


def _prompts(rows: Rows) -> list[tuple[int, Prompt]]:
    return [(row["turn"], prompt) for row in rows for prompt in read_prompts(row["given"])]


def _truth(case: Case, row: Mapping[str, Any]) -> Mask:
    infos = enumerate(case.masks.infos)
    wanted = (row["target"], row["instance"], "gt")
    return case.masks[next(i for i, info in infos if (info.target, info.instance, info.kind) == wanted)]


def _target(row: Mapping[str, Any]) -> str:
    return f"{row['target']} {row['instance']}" if row["instance"] else str(row["target"])


def _facts(rows: Sequence[Rows], values: Sequence[float]) -> str:
    """What can be said of the session in words."""
    last = rows[0][-1]
    turns = sorted({len(mine) for mine in rows})
    words = [last["modality"], f"{'–'.join(str(turn) for turn in turns)} turn{'' if turns == [1] else 's'}"]
    words += [f"“{prompt.words}”" for _, prompt in _prompts(rows[0]) if isinstance(prompt, Text)]
    return ", ".join(filter(None, words))
