"""Runs against one another: differences with their intervals, and whether they may be chance."""

import math
from collections.abc import Sequence

from imedbench.evaluate.protocol import MetricSpec
from imedbench.evaluate.report.numbers import Numbers
from imedbench.evaluate.report.overview import arms_of
from imedbench.evaluate.report.sheets import Column, Mean, Row, Sheet
from imedbench.evaluate.report.words import metric_column
from imedbench.metrics.paired import Comparison, compare, holm

SIGNIFICANT, LEAST = 0.05, 0.001
COLUMNS = (
    Column("Rank effect", digits=2, aside=True),
    Column("p, Wilcoxon", aside=True),
    Column("p, Holm"),
    Column("Verdict"),
    Column("Patients"),
    Column("Sessions", aside=True),
    Column("Not compared"),
)


def difference_sheets(numbers: Sequence[Numbers]) -> list[Sheet]:
    """A table a metric: every pair of runs under every arm, at the last turn; none where there is one run.

    Differences are of sessions, like the means; the test is of patients' mean differences, as sessions of one patient
    are not independent. Holm's correction is for all tests of a table.
    """
    if len(numbers) == 1:
        return []
    scores = {each.run.name: each.run.scores for each in numbers}
    pairs = list(zip(compare(scores, level="target"), compare(scores), strict=True))
    arms = [arm.name for arm in arms_of(numbers)]
    sheets = []
    for metric in numbers[0].run.protocol.metrics:
        mine = sorted(
            (pair for pair in pairs if pair[0].key[1] == metric.label), key=lambda pair: arms.index(pair[0].key[0])
        )
        if mine:
            sheets.append(_sheet(metric, mine))
    return sheets


def _sheet(metric: MetricSpec, pairs: Sequence[tuple[Comparison, Comparison]]) -> Sheet:
    column = metric_column(metric)
    corrected = holm([tested.p for _, tested in pairs])
    rows = []
    for (one, tested), p in zip(pairs, corrected, strict=True):
        difference = Mean(one.difference, one.low, one.high, one.pairs)
        verdict = "may be chance"
        if p < SIGNIFICANT:
            verdict = f"{one.one if column.better * tested.effect > 0 else one.other} is better"
        counts = (tested.pairs, one.pairs, one.left_out)
        cells = (difference, tested.effect, chance(tested.p), chance(p), verdict, *counts)
        rows.append(Row((str(one.key[0]), f"{one.one} − {one.other}"), cells))
    patients = max(tested.pairs for _, tested in pairs)
    columns = (Column("Difference", column.unit, column.digits), *COLUMNS)
    name = f"differences {metric.label}"
    return Sheet(name, column.heading, ("Prompts", "Runs"), columns, tuple(rows), _power(patients, len(pairs)))


def _power(patients: int, tests: int) -> str:
    """A warning where there are too few patients for any difference to be told from chance."""
    least = 2.0 ** (1 - patients)
    if not patients or tests * least < SIGNIFICANT:
        return ""
    corrected = f", {chance(min(1.0, tests * least))} after correction for {tests} tests" if tests > 1 else ""
    return f"With {patients} patients the test gives no p below {chance(least)}{corrected}: too few to tell."


def chance(p: float) -> str:
    """A p-value for people."""
    if math.isnan(p):
        return "–"
    return "< 0.001" if p < LEAST else f"{p:.3f}"
