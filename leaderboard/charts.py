"""Curves of several submissions over each other: over the turns, and over how imperfect prompts are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imedbench.evaluate.protocol import Arm, MetricSpec
from imedbench.evaluate.report.curves import Figure
from imedbench.evaluate.report.runs import COLOURS
from imedbench.evaluate.report.sheets import Mean
from imedbench.evaluate.report.words import metric_column, spec_of, within
from imedbench.report.axes import Axis, linear_axis, whole_axis
from imedbench.report.plots import DASHES, Line, Plot, Spot, key, plot
from leaderboard.tasks import Task

MOST = COLOURS
"""Submissions in one plot."""
Curves = dict[tuple[str, str], list[tuple[int, Mean]]]
"""Of a metric, by submission and arm: the mean after each turn."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A submission in a plot."""

    id: str
    name: str
    place: int
    """Which colour and dash it has, from 0."""

    @property
    def colour(self) -> str:
        """As the page's style names it."""
        return f"var(--run-{self.place % COLOURS + 1})"

    @property
    def dash(self) -> str:
        """So that colour is not the only difference."""
        return DASHES[self.place % len(DASHES)]


@dataclass(frozen=True, slots=True)
class Charts:
    """A metric of several submissions to a task."""

    task: Task
    metric: str
    """Its label."""
    drawn: Sequence[Drawn]
    curves: Curves

    def turns(self, arm: Arm) -> Figure | None:
        """Over the turns of an arm; None where there is one only, or nothing to draw."""
        lines = [
            self._line(each, [(turn, mean, f"turn {turn}") for turn, mean in theirs])
            for each in self.drawn
            if (theirs := self.curves.get((each.id, arm.name)))
        ]
        if arm.turns < 2 or not lines:
            return None
        x = whole_axis("Turn (interactions with the model)", (int(spot.x) for line in lines for spot in line.spots))
        return self._figure(f"{self._title} over the interactions: {arm.name}", x, lines)

    def levels(self) -> Iterator[Figure]:
        """At the end of the sessions, over each series of arms; the perfect level is named."""
        series: dict[str, list[tuple[float, Arm]]] = {}
        for arm in self.task.protocol.arms:
            if arm.series:
                series.setdefault(arm.series.name, []).append((arm.series.level, arm))
        for name, arms in series.items():
            lines = [line for each in self.drawn if (line := self._over(each, name, arms)).spots]
            x = linear_axis(name[:1].upper() + name[1:], (level for level, _ in arms))
            perfect = [f"{level:g}" for level, arm in arms if arm.perfect]
            note = f"Perfect prompts stand at {perfect[0]}." if perfect else ""
            if lines:
                yield self._figure(f"{self._title} over {name}", x, lines, note)

    def _over(self, each: Drawn, name: str, arms: Sequence[tuple[float, Arm]]) -> Line:
        ends = [
            (level, theirs[-1][1], f"{name} {level:g}")
            for level, arm in sorted(arms, key=lambda pair: pair[0])
            if (theirs := self.curves.get((each.id, arm.name)))
        ]
        return self._line(each, ends)

    def _line(self, each: Drawn, found: Sequence[tuple[float, Mean, str]]) -> Line:
        column = metric_column(self._spec)
        spots = []
        for x, mean, where in found:
            words = f"{where}: {column.title} {column.main(mean)} [{column.interval(mean)}], n = {mean.sessions:,}"
            spots.append(Spot(x, mean.mean, mean.low, mean.high, words))
        return Line(each.name, spots, each.colour, each.dash)

    def _figure(self, title: str, x: Axis, lines: Sequence[Line], note: str = "") -> Figure:
        values = [value for line in lines for spot in line.spots for value in (spot.y, spot.low, spot.high)]
        y = linear_axis(metric_column(self._spec).heading, values, within(self._spec))
        names = key((line.name, line.colour, line.dash) for line in lines)
        return Figure(title, plot(Plot(title, x, y, lines)), names, note)

    @property
    def _spec(self) -> MetricSpec:
        return spec_of(self.task.protocol, self.metric)

    @property
    def _title(self) -> str:
        return metric_column(self._spec).title
