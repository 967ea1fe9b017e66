"""Plots of means: a metric over the turns of a session, and over how imperfect the prompts are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from imedbench.evaluate.protocol import Arm, MetricSpec
from imedbench.evaluate.report.numbers import Numbers
from imedbench.evaluate.report.overview import arms_of
from imedbench.evaluate.report.runs import COLOURS
from imedbench.evaluate.report.sheets import Mean
from imedbench.evaluate.report.words import metric_column, within
from imedbench.report.axes import linear_axis, whole_axis
from imedbench.report.plots import DASHES, Line, Plot, Spot, key, plot

MOST = 12
"""Plots of a section at most; the tables have all."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot under its title."""

    title: str
    drawing: Markup
    legend: Markup | str = ""
    note: str = ""


def turn_figures(numbers: Sequence[Numbers]) -> list[Figure]:
    """Each metric over the turns: a line an arm, or, of several runs, a plot an arm and a line a run."""
    protocol = numbers[0].run.protocol
    arms = [arm for arm in arms_of(numbers) if arm.turns > 1]
    if not arms:
        return []
    if len(numbers) == 1:
        return [_of_arms(numbers[0], arms, metric) for metric in protocol.metrics][:MOST]
    figures = [_of_runs(numbers, arm, metric) for metric in protocol.metrics for arm in arms]
    return [figure for figure in figures if figure is not None][:MOST]


def level_figures(numbers: Sequence[Numbers]) -> list[Figure]:
    """Each metric over the levels of each series of arms; the perfect level is marked."""
    protocol = numbers[0].run.protocol
    levelled = [arm for arm in arms_of(numbers) if arm.series]
    figures = []
    for name in dict.fromkeys(arm.series.name for arm in levelled if arm.series):
        arms = sorted((arm for arm in levelled if _series(arm)[0] == name), key=_series)
        for metric in protocol.metrics:
            lines = [
                Line(each.run.name, _levels(each, arms, metric), each.run.colour, DASHES[place % len(DASHES)])
                for place, each in enumerate(numbers)
            ]
            figures.append(_level_figure(name, arms, metric, lines))
    return [figure for figure in figures if figure is not None][:MOST]


def _of_arms(numbers: Numbers, arms: Sequence[Arm], metric: MetricSpec) -> Figure:
    lines = [
        Line(arm.name, _turns(numbers, arm, metric), f"var(--run-{place % COLOURS + 1})", DASHES[place % len(DASHES)])
        for place, arm in enumerate(arms)
    ]
    return _turn_figure(metric_column(metric).title, metric, lines)


def _of_runs(numbers: Sequence[Numbers], arm: Arm, metric: MetricSpec) -> Figure | None:
    lines = [
        Line(each.run.name, _turns(each, arm, metric), each.run.colour, DASHES[place % len(DASHES)])
        for place, each in enumerate(numbers)
    ]
    title = f"{metric_column(metric).title}: {arm.name}"
    return _turn_figure(title, metric, lines) if any(line.spots for line in lines) else None


def _turn_figure(title: str, metric: MetricSpec, lines: Sequence[Line]) -> Figure:
    x = whole_axis("Turn (interactions with the model)", (int(spot.x) for line in lines for spot in line.spots))
    y = linear_axis(metric_column(metric).heading, _extremes(lines), within(metric))
    return Figure(title, plot(Plot(title, x, y, lines)), _key(lines))


def _level_figure(name: str, arms: Sequence[Arm], metric: MetricSpec, lines: Sequence[Line]) -> Figure | None:
    if not any(line.spots for line in lines):
        return None
    x = linear_axis(name.capitalize(), (arm.series.level for arm in arms if arm.series))
    y = linear_axis(metric_column(metric).heading, _extremes(lines), within(metric))
    title = f"{metric_column(metric).title} over {name}"
    perfect = [f"{arm.series.level:g}" for arm in arms if arm.series and arm.perfect]
    note = f"Perfect prompts stand at {perfect[0]}." if perfect else ""
    return Figure(title, plot(Plot(title, x, y, lines)), _key(lines) if len(lines) > 1 else "", note)


def _turns(numbers: Numbers, arm: Arm, metric: MetricSpec) -> list[Spot]:
    found = ((turn, numbers.turns.get((arm.name, metric.label, turn))) for turn in range(1, arm.turns + 1))
    return [_spot(turn, value, f"turn {turn}", metric) for turn, value in found if value]


def _levels(numbers: Numbers, arms: Sequence[Arm], metric: MetricSpec) -> list[Spot]:
    found = []
    for arm in arms:
        value = numbers.turns.get((arm.name, metric.label, arm.turns))
        if value and arm.series:
            found.append(_spot(arm.series.level, value, f"{arm.series.name} {arm.series.level:g}", metric))
    return found


def _spot(x: float, value: Mean, where: str, metric: MetricSpec) -> Spot:
    column = metric_column(metric)
    words = f"{where}: {column.title} {column.number(value.mean)} [{column.interval(value)}], n = {value.sessions:,}"
    return Spot(x, value.mean, value.low, value.high, words)


def _extremes(lines: Iterable[Line]) -> list[float]:
    return [value for line in lines for spot in line.spots for value in (spot.y, spot.low, spot.high)]


def _key(lines: Sequence[Line]) -> Markup:
    return key((line.name, line.colour, line.dash) for line in lines)


def _series(arm: Arm) -> tuple[str, float]:
    return (arm.series.name, arm.series.level) if arm.series else ("", 0.0)
