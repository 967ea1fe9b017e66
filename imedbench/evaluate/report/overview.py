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
    """For each metric a table of turns and one of its curves; one table of all metrics where there is one turn only."""
    protocol = numbers[0].run.protocol
    arms = arms_of(numbers)
    shared = [metric for metric in protocol.metrics if _held(numbers, metric.label)]
    if all(arm.turns == 1 for arm in arms):
        return [_single(numbers, arms, shared)]
    sheets = []
    for metric in shared:
        sheets.append(_by_turn(numbers, arms, metric))
        if any(curve.of == metric.label for curve in protocol.curves):
            sheets.append(_whole(numbers, arms, metric))
    return sheets


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
    plain = metric_column(metric)
    turns = shown_turns(arms, numbers[0].run.protocol.shown)
    columns = tuple(Column(f"Turn {turn}", digits=plain.digits) for turn in turns)
    rows = []
    for arm, each in product(arms, numbers):
        found = [each.turns.get((arm.name, metric.label, turn)) for turn in turns]
        last = each.turns.get((arm.name, metric.label, min(arm.turns, turns[-1])))
        rows.append(Row(_heads(arm, each.run, numbers), (*found, *_counts([last])), _colour(each.run, numbers)))
    name = f"scores {metric.label}"
    return Sheet(name, plain.heading, _head_names(numbers), (*columns, *COUNTS), tuple(rows))


def _whole(numbers: Sequence[Numbers], arms: Sequence[Arm], metric: MetricSpec) -> Sheet:
    """The curves of a metric."""
    protocol = numbers[0].run.protocol
    curves = [curve for curve in protocol.curves if curve.of == metric.label]
    longest = max(arms, key=lambda arm: arm.turns)
    columns = tuple(column for curve in curves for column in curve_columns(curve, protocol, longest))
    rows = []
    for arm, each in product(arms, numbers):
        found = [value for curve in curves for value in _curve(each, arm, curve)]
        rows.append(Row(_heads(arm, each.run, numbers), (*found, *_counts(found)), _colour(each.run, numbers)))
    title = f"{metric_column(metric).title} over whole sessions"
    return Sheet(f"curves {metric.label}", title, _head_names(numbers), (*columns, *COUNTS), tuple(rows))


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
