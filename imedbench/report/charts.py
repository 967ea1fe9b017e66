"""Charts as inline SVG: no script, no network, text that stays readable in a narrow window and on paper.

Widths are in percent and heights in pixels, so a chart fills its box and its letters keep their size. Colours are the
page's CSS variables; each chart carries its numbers in a table for screen readers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

ROW = 26
BAR = 12
LABELS = 38.0
"""Percent of the width that the names of a bar chart take."""
COLUMN_HEIGHT = 168
HEAD, FOOT = 20, 24
SMALLEST = 0.4
"""Percent of the width of a bar for a number that is small but not zero."""


@dataclass(frozen=True, slots=True)
class Series:
    """One set of numbers, one for each class of the chart."""

    name: str
    values: Sequence[float]
    colour: str = "var(--truth)"
    """Anything CSS takes."""


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart shows."""

    title: str
    classes: Sequence[str]
    series: Sequence[Series]
    unit: str = ""
    swatches: Sequence[str] = field(default_factory=tuple)
    """A colour before each class's name, where given."""

    @property
    def peak(self) -> float:
        """The largest single value, at least the smallest positive float that can be divided by."""
        return max((value for series in self.series for value in series.values), default=0) or 1


def bars(chart: Chart) -> Markup:
    """Horizontal bars: one row a class, the series above one another in it."""
    step = max(ROW, (BAR + 3) * len(chart.series) + 8)
    height = step * len(chart.classes)
    rows = [_bar_row(chart, place, step) for place in range(len(chart.classes))]
    return _wrap(chart, height, rows)


def columns(chart: Chart) -> Markup:
    """Vertical columns: one group a class in the order given, the series beside one another in it."""
    height = HEAD + COLUMN_HEIGHT + FOOT
    base = HEAD + COLUMN_HEIGHT
    line = Markup('<line class="axis" x1="0" x2="100%" y1="{y}" y2="{y}"/>').format(y=base)
    groups = [_column_group(chart, place) for place in range(len(chart.classes))]
    return _wrap(chart, height, [line, *groups])


def legend(series: Iterable[Series]) -> Markup:
    """The names of the series with their colours."""
    entries = Markup("").join(
        Markup('<li><span class="swatch" style="background:{}"></span>{}</li>').format(entry.colour, entry.name)
        for entry in series
    )
    return Markup('<ul class="legend">{}</ul>').format(entries)


def short(value: float) -> str:
    """A number in at most five characters: 950, 12.3k, 6.4M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            scaled = value / (1e3 if letter == "k" else size)
            return f"{scaled:.1f}".removesuffix(".0") + letter if scaled < 100 else f"{scaled:.0f}{letter}"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.1f}"


def _bar_row(chart: Chart, place: int, step: int) -> Markup:
    top = place * step
    swatch = Markup("")
    if chart.swatches:
        swatch = Markup('<span class="swatch" style="background:{}"></span>').format(chart.swatches[place])
    # HTML cuts a name that does not fit with an ellipsis; SVG text cannot.
    names = Markup(
        '<foreignObject x="0" y="{}" width="{}%" height="{}"><div class="name" title="{name}">{}<span>{name}</span>'
        "</div></foreignObject>"
    ).format(top, LABELS - 2, step, swatch, name=chart.classes[place])
    others = any(series.values[place] for series in chart.series)
    thick = (BAR + 3) * len(chart.series) - 3
    found = []
    for order, series in enumerate(chart.series):
        value = series.values[place]
        width = _share(value, chart.peak) * (100 - LABELS - 14) / 100
        y = top + (step - thick) / 2 + order * (BAR + 3)
        found.append(
            Markup(
                '<rect x="{x}%" y="{y}" width="{w}%" height="{h}" rx="2" fill="{c}"><title>{tip}</title></rect>'
                '<text class="value" x="{end}%" dx="6" y="{m}">{short}</text>'
            ).format(
                x=LABELS,
                y=y,
                w=round(width, 3),
                h=BAR,
                c=series.colour,
                tip=_tip(chart, series, place),
                end=round(LABELS + width, 3),
                m=y + BAR / 2,
                short=short(value) if value or not others else "",
            )
        )
    return names + Markup("").join(found)


def _column_group(chart: Chart, place: int) -> Markup:
    slot = 100 / len(chart.classes)
    width = slot * 0.76 / len(chart.series)
    base = HEAD + COLUMN_HEIGHT
    found = []
    for order, series in enumerate(chart.series):
        value = series.values[place]
        tall = _share(value, chart.peak) / 100 * COLUMN_HEIGHT
        left = place * slot + slot * 0.12 + order * width
        found.append(
            Markup(
                '<rect x="{x}%" y="{y}" width="{w}%" height="{h}" rx="2" fill="{c}"><title>{tip}</title></rect>'
            ).format(
                x=round(left, 3),
                y=round(base - tall, 2),
                w=round(width * 0.94, 3),
                h=round(tall, 2),
                c=series.colour,
                tip=_tip(chart, series, place),
            )
        )
        if value:
            found.append(
                Markup('<text class="value above" x="{}%" y="{}">{}</text>').format(
                    round(left + width * 0.47, 3), round(base - tall - 8, 2), short(value)
                )
            )
    label = Markup('<text class="class" x="{}%" y="{}">{}</text>').format(
        round((place + 0.5) * slot, 3), base + 15, chart.classes[place]
    )
    return Markup("").join(found) + label


def _share(value: float, peak: float) -> float:
    """Percent of the peak; never so little that it cannot be seen."""
    return max(SMALLEST, 100 * value / peak) if value else 0.0


def _tip(chart: Chart, series: Series, place: int) -> str:
    unit = f" {chart.unit}" if chart.unit else ""
    name = f", {series.name}" if len(chart.series) > 1 else ""
    return f"{chart.classes[place]}{name}: {series.values[place]:,.10g}{unit}"


def _wrap(chart: Chart, height: float, parts: Sequence[Markup]) -> Markup:
    drawing = Markup('<svg class="chart" width="100%" height="{}" role="img" aria-label="{}">{}</svg>').format(
        height, chart.title, Markup("").join(parts)
    )
    return drawing + _table(chart)


def _table(chart: Chart) -> Markup:
    """The same numbers, seen by screen readers only."""
    head = Markup("").join(Markup("<th scope=col>{}</th>").format(series.name) for series in chart.series)
    body = Markup("").join(
        Markup("<tr><th scope=row>{}</th>{}</tr>").format(
            name,
            Markup("").join(Markup("<td>{:,.10g}</td>").format(series.values[place]) for series in chart.series),
        )
        for place, name in enumerate(chart.classes)
    )
    return Markup(
        '<table class="spoken"><caption>{}</caption><thead><tr><td></td>{}</tr></thead><tbody>{}</tbody></table>'
    ).format(escape(chart.title), head, body)
