"""Plots as HTML with inline SVG: lines with intervals, clouds of points, boxes. No script; each carries its numbers.

The drawing area fills whatever width it is given; words are HTML, so that they keep their size and are never cut.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from imedbench.report.axes import Axis, marked

DOT = 3.6
POINT = 2.6
"""Radii in pixels, of a mark on a line and of one among many."""
DASHES = ("", "6 4", "2 3", "9 3 2 3")
"""Patterns of lines, so that colour is not the only difference."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One number on a line, with its interval."""

    x: float
    y: float
    low: float
    high: float
    words: str
    """What the tooltip and the table for screen readers say."""


@dataclass(frozen=True, slots=True)
class Line:
    """Numbers that belong together, from left to right."""

    name: str
    spots: Sequence[Spot]
    colour: str
    dash: str = ""
    """As SVG's ``stroke-dasharray``."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """Points, or squares that count them; in units of the axes."""

    name: str
    colour: str
    points: Sequence[tuple[float, float]] = ()
    squares: Sequence[tuple[float, float, float, float, int]] = ()
    """(left, bottom, right, top, count) each."""


@dataclass(frozen=True, slots=True)
class Plot:
    """What an area with two axes shows; clouds lie under lines."""

    title: str
    x: Axis
    y: Axis
    lines: Sequence[Line] = ()
    clouds: Sequence[Cloud] = ()


@dataclass(frozen=True, slots=True)
class Box:
    """Five quantiles: the whiskers' ends, the quartiles and the median."""

    low: float
    first: float
    median: float
    third: float
    high: float
    colour: str
    words: str


@dataclass(frozen=True, slots=True)
class BoxRow:
    """A name with its boxes, one below the other."""

    name: str
    boxes: Sequence[Box]
    note: str = ""
    """Stands at the end of the row: the number of values, say."""
    swatch: str = ""


def plot(shown: Plot) -> Markup:
    """Lines with their intervals as bands, on top of clouds of points."""
    area = Markup("").join(
        [
            _grid(shown),
            *(_cloud(cloud, shown) for cloud in shown.clouds),
            *(_band(line, shown) for line in shown.lines),
            *(_stroke(line, shown) for line in shown.lines),
            *(_dots(line, shown) for line in shown.lines),
        ]
    )
    return Markup(
        '<div class="plot" role="img" aria-label="{title}"><p class="plot-unit">{y}</p>'
        '<div class="plot-y" aria-hidden="true">{left}</div><svg class="plot-area" aria-hidden="true">{area}</svg>'
        '<div class="plot-x" aria-hidden="true">{below}</div><p class="plot-unit plot-across">{x}</p></div>{table}'
    ).format(
        title=f"{shown.title}: {shown.y.title} over {shown.x.title}",
        y=shown.y.title,
        x=shown.x.title,
        left=_marks(shown.y, "bottom"),
        below=_marks(shown.x, "left"),
        area=area,
        table=_spoken(shown),
    )


def boxes(title: str, axis: Axis, rows: Sequence[BoxRow]) -> Markup:
    """Horizontal boxes, one row a name; whiskers, quartiles and median of each."""
    ruler = Markup('<div class="box-ruler" aria-hidden="true"><div class="plot-x">{}</div></div>').format(
        _marks(axis, "left")
    )
    found = Markup("").join(_box_row(row, axis) for row in rows)
    return Markup('<div class="boxes" role="group" aria-label="{}"><p class="plot-unit">{}</p>{}{}{}</div>').format(
        title, axis.title, ruler, found, ruler if len(rows) > 12 else ""
    )


def key(entries: Iterable[tuple[str, str, str]]) -> Markup:
    """Names with a short line in their colour and dash: (name, colour, dash) each."""
    items = Markup("").join(
        Markup(
            '<li><svg class="dash" width="22" height="10" aria-hidden="true"><line x1="1" x2="21" y1="5" y2="5" '
            'stroke="{}" stroke-dasharray="{}"/></svg>{}</li>'
        ).format(colour, dash, name)
        for name, colour, dash in entries
    )
    return Markup('<ul class="legend">{}</ul>').format(items)


def _marks(axis: Axis, side: str) -> Markup:
    return Markup("").join(
        Markup('<span style="{}:{}%">{}</span>').format(side, axis.share(tick), marked(tick)) for tick in axis.ticks
    )


def _grid(shown: Plot) -> Markup:
    across = [Markup('<line x1="0" x2="100%" y1="{y}%" y2="{y}%"/>').format(y=_down(shown.y, t)) for t in shown.y.ticks]
    upright = [Markup('<line x1="{x}%" x2="{x}%" y1="0" y2="100%"/>').format(x=shown.x.share(t)) for t in shown.x.ticks]
    return Markup('<g class="grid">{}</g>').format(Markup("").join([*across, *upright]))


def _down(axis: Axis, value: float) -> float:
    """Percent from the top: SVG counts downwards."""
    return round(100 - axis.share(value), 2)


def _stretched(body: Markup) -> Markup:
    """Paths in percent of the area: SVG knows percentages for lines and circles, not for paths."""
    return Markup('<svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%">{}</svg>').format(
        body
    )


def _band(line: Line, shown: Plot) -> Markup:
    held = [spot for spot in line.spots if spot.low == spot.low and spot.high == spot.high]
    if len(held) < 2:
        return Markup("").join(_whisker(spot, line.colour, shown) for spot in held)
    upper = [f"{shown.x.share(spot.x)},{_down(shown.y, spot.high)}" for spot in held]
    lower = [f"{shown.x.share(spot.x)},{_down(shown.y, spot.low)}" for spot in reversed(held)]
    path = Markup('<path d="M{}Z" fill="{}" class="band"/>').format("L".join(upper + lower), line.colour)
    return _stretched(path)


def _whisker(spot: Spot, colour: str, shown: Plot) -> Markup:
    return Markup('<line x1="{x}%" x2="{x}%" y1="{a}%" y2="{b}%" stroke="{c}" class="whisker"/>').format(
        x=shown.x.share(spot.x), a=_down(shown.y, spot.low), b=_down(shown.y, spot.high), c=colour
    )


def _stroke(line: Line, shown: Plot) -> Markup:
    held = [spot for spot in line.spots if spot.y == spot.y]
    if len(held) < 2:
        return Markup("")
    places = "L".join(f"{shown.x.share(spot.x)},{_down(shown.y, spot.y)}" for spot in held)
    return _stretched(
        Markup('<path d="M{}" stroke="{}" stroke-dasharray="{}" class="stroke"/>').format(
            places, line.colour, line.dash
        )
    )


def _dots(line: Line, shown: Plot) -> Markup:
    return Markup("").join(
        Markup('<circle cx="{}%" cy="{}%" r="{}" fill="{}" class="dot"><title>{}</title></circle>').format(
            shown.x.share(spot.x), _down(shown.y, spot.y), DOT, line.colour, f"{line.name}, {spot.words}"
        )
        for spot in line.spots
        if spot.y == spot.y
    )


def _cloud(cloud: Cloud, shown: Plot) -> Markup:
    peak = max((square[4] for square in cloud.squares), default=1)
    squares = "".join(
        f'<rect x="{(x := shown.x.share(left))}%" y="{(y := _down(shown.y, top))}%" '
        f'width="{shown.x.share(right) - x:.2f}%" height="{_down(shown.y, bottom) - y:.2f}%" '
        f'opacity="{0.12 + 0.78 * (count / peak) ** 0.5:.2f}"><title>{count:,}</title></rect>'
        for left, bottom, right, top, count in cloud.squares
    )
    points = "".join(
        f'<circle cx="{shown.x.share(x)}%" cy="{_down(shown.y, y)}%" r="{POINT}"/>' for x, y in cloud.points
    )
    # All of it is numbers made here; only the colour comes from outside.
    return Markup('<g class="cloud" fill="{}">{}</g>').format(cloud.colour, Markup(squares + points))


def _box_row(row: BoxRow, axis: Axis) -> Markup:
    swatch = Markup('<span class="swatch" style="background:{}"></span>').format(row.swatch) if row.swatch else ""
    drawn = Markup("").join(_box(box, axis) for box in row.boxes)
    grid = Markup("").join(
        Markup('<span class="box-tick" style="left:{}%"></span>').format(axis.share(tick)) for tick in axis.ticks
    )
    return Markup(
        '<div class="box-row"><span class="box-name">{}<span>{}</span></span><div class="box-area">{}{}</div>'
        '<span class="box-note">{}</span></div>'
    ).format(swatch, row.name, grid, drawn, row.note)


def _box(box: Box, axis: Axis) -> Markup:
    low, first, middle, third, high = (
        axis.share(value) for value in (box.low, box.first, box.median, box.third, box.high)
    )
    return Markup(
        '<svg class="box" role="img" aria-label="{words}"><title>{words}</title>'
        '<line x1="{low}%" x2="{high}%" y1="50%" y2="50%" stroke="{c}"/>'
        '<rect x="{first}%" width="{width}%" y="1" height="10" rx="2" fill="{c}"/>'
        '<line class="median" x1="{middle}%" x2="{middle}%" y1="0" y2="12"/></svg>'
    ).format(
        words=box.words,
        low=low,
        high=high,
        first=first,
        middle=middle,
        width=max(0.3, round(third - first, 2)),
        c=box.colour,
    )


def _spoken(shown: Plot) -> Markup:
    """The numbers of the lines, seen by screen readers only."""
    rows = Markup("").join(
        Markup("<tr><th scope=row>{}</th><td>{}</td></tr>").format(line.name, spot.words)
        for line in shown.lines
        for spot in line.spots
    )
    return Markup('<div class="spoken"><table><caption>{}</caption><tbody>{}</tbody></table></div>').format(
        shown.title, rows
    )
