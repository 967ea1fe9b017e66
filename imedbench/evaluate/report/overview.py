"""The first tables of a report: scores at the turns that the protocol shows, curves, and what they cost."""

from collections.abc import Iterator, Sequence
from itertools import product

from imedbench.evaluate.protocol import Arm, CurveSpec, MetricSpec
from imedbench.evaluate.report.numbers import PER_SLICE, Numbers
from imedbench.evaluate.report.runs import Run
from imedbench.evaluate.report.sheets import Cell, Column, Mean, Row, Sheet
from imedbench.evaluate.report.words import EFFORTS, curve_columns, metric_column
from imedbench.evaluate.tables import WHOLE_SESSION

COUNTS = (Column("Sessions"), Column("Failed"), Column("Undefined"))
ALL_TURNS = 12
"""The most turns that are shown where the protocol does not say which."""


def score_sheets(numbers: Sequence[Numbers]) -> list[Sheet]:
    """One table a metric, of the turns that are shown and of its curves; one of all metrics where there is one turn."""
    protocol = numbers[0].run.protocol
    arms = arms_of(numbers)
    shared = [metric for metric in protocol.metrics if _held(numbers, metric.label)]
    if all(arm.turns == 1 for arm in arms):
        return [_single(numbers, arms, shared)]
    return [_by_turn(numbers, arms, metric) for metric in shared]


def effort_sheet(numbers: Sequence[Numbers]) -> Sheet:
    """What a session costs the user and the model; on volumes also per slice touched."""
    names = [name for name in EFFORTS if _spent(numbers, name)]
    volumes = any(PER_SLICE in str(key[1]) for each in numbers for key in each.efforts)
    kinds = (("a volume", ""), ("a slice touched", PER_SLICE)) if volumes else (("a session", ""),)
    rows = []
    for arm, each in product(arms_of(numbers), numbers):
        for words, before in kinds:
            kept = (each.efforts.get((arm.name, before + name)) for name in names)
            heads = _heads(arm, each.run, numbers)
            rows.append(Row((*heads, words) if volumes else heads, tuple(kept), _colour(each.run, numbers)))
    heads = (*_head_names(numbers), "Counted for") if volumes else _head_names(numbers)
    return Sheet("effort", "Effort", heads, tuple(EFFORTS[name] for name in names), tuple(rows))


def arms_of(numbers: Sequence[Numbers]) -> tuple[Arm, ...]:
    """Those that every run was asked."""
    return numbers[0].run.arms


def shown_turns(arms: Sequence[Arm], shown: Sequence[int]) -> list[int]:
    """The turns of the tables: those of the protocol, else all, or those of a doubling series where there are many."""
    most = max(arm.turns for arm in arms)
    if shown:
        return [turn for turn in shown if turn <= most]
    every = list(range(1, most + 1))
    return every if most <= ALL_TURNS else [turn for turn in every if turn & (turn - 1) == 0 or turn == most]


def _single(numbers: Sequence[Numbers], arms: Sequence[Arm], metrics: Sequence[MetricSpec]) -> Sheet:
    columns = tuple(metric_column(metric) for metric in metrics)
    rows = []
    for arm, each in product(arms, numbers):
        found = [each.turns.get((arm.name, metric.label, 1)) for metric in metrics]
        rows.append(Row(_heads(arm, each.run, numbers), (*found, *_counts(found)), _colour(each.run, numbers)))
    return Sheet("scores", "Scores", _head_names(numbers), (*columns, *COUNTS), tuple(rows))


def _by_turn(numbers: Sequence[Numbers], arms: Sequence[Arm], metric: MetricSpec) -> Sheet:
    protocol = numbers[0].run.protocol
    plain = metric_column(metric)
    turns = shown_turns(arms, protocol.shown)
    headings = tuple(Column(f"Turn {turn}", digits=plain.digits) for turn in turns)
    curves = [curve for curve in protocol.curves if curve.of == metric.label]
    more = tuple(column for curve in curves for column in curve_columns(curve, protocol, max(arms, key=_length)))
    rows = []
    for arm, each in product(arms, numbers):
        found: list[Cell] = [each.turns.get((arm.name, metric.label, turn)) for turn in turns]
        values = [value for curve in curves for value in _curve(each, arm, curve)]
        counts = _counts([each.turns.get((arm.name, metric.label, min(arm.turns, turns[-1])))])
        rows.append(Row(_heads(arm, each.run, numbers), (*found, *values, *counts), _colour(each.run, numbers)))
    name = f"scores {metric.label}"
    return Sheet(name, plain.heading, _head_names(numbers), (*headings, *more, *COUNTS), tuple(rows))


def _length(arm: Arm) -> int:
    return arm.turns


def _curve(numbers: Numbers, arm: Arm, curve: CurveSpec) -> Iterator[Cell]:
    """The curve's value; an AUC also divided by its width."""
    value = numbers.turns.get((arm.name, curve.label, WHOLE_SESSION))
    yield value
    if curve.curve == "auc":
        yield value and value.over((curve.last or arm.turns) - curve.first)


def _counts(found: Sequence[Cell]) -> tuple[Cell, ...]:
    held = [cell for cell in found if isinstance(cell, Mean)]
    if not held:
        return 0, 0, 0
    return held[0].sessions, held[0].failed, max(cell.undefined for cell in held)


def _held(numbers: Sequence[Numbers], label: str) -> bool:
    return all(any(key[1] == label for key in each.turns) for each in numbers)


def _spent(numbers: Sequence[Numbers], name: str) -> bool:
    return any(value.mean > 0 for each in numbers for key, value in each.efforts.items() if key[1] == name)


def _heads(arm: Arm, run: Run, numbers: Sequence[Numbers]) -> tuple[str, ...]:
    return (arm.name,) if len(numbers) == 1 else (arm.name, run.name)


def _head_names(numbers: Sequence[Numbers]) -> tuple[str, ...]:
    return ("Prompts",) if len(numbers) == 1 else ("Prompts", "Run")


def _colour(run: Run, numbers: Sequence[Numbers]) -> str:
    return run.colour if len(numbers) > 1 else ""
