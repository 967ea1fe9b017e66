"""What a terminal shows of a report: tables with intervals. Nothing is printed here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imedbench.evaluate.report.sheets import Cell, Column, Row, Sheet

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.table import Table

    from imedbench.evaluate.report.write import Report


def renderables(report: "Report") -> list["RenderableType"]:
    """What to print, from top to bottom: what was run, warnings, scores, differences, effort, and how to read it."""
    from rich.text import Text

    from imedbench.evaluate.report.write import summary_sheets

    first = report.gathered.first
    title = Text(" · ".join(run.name for run in report.gathered.runs), style="bold")
    cases = "pictures" if first.facts["subset"]["dimension"] == 2 else "volumes"
    many = f"{_counted(first.sessions, 'session')} on {cases} of {_counted(first.count('patient'), 'patient')}"
    title.append(f"  {report.gathered.told}; {many}", "")
    warnings = [Text(f"! {warning}", style="yellow") for warning in report.gathered.warnings]
    lost = [
        Text(f"{run.name}: {_counted(run.failed, 'session')} failed; counted with the worst value.", style="red")
        for run in report.gathered.runs
        if run.failed
    ]
    return [
        title,
        *warnings,
        *lost,
        *(Tables(sheet) for sheet in summary_sheets(report)),
        Text(READING if first.count("patient") > 1 else READING_ONE, style="dim"),
    ]


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


NAME, GAP = 32, 2
"""Width of a name at most, and between columns."""
READING = "Means over sessions; below them the 95 % interval (patients drawn anew). User's time is by a stated model."
READING_ONE = "Means over sessions; no intervals, as all are of one patient. User's time is by a stated model."


@dataclass(frozen=True, slots=True)
class Tables:
    """A sheet as rich shows it: intervals below the means, in as many tables as the width of the window asks for.

    Columns that say nothing are left out.
    """

    sheet: Sheet

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> Iterator["RenderableType"]:
        from rich.markup import escape

        sheet = self.sheet
        shown = [(row.heads[-1], " · ".join(row.heads[:-1])) if sheet.grouped else row.heads for row in sheet.rows]
        first = max(len(name) for heads in (sheet.heads, *shown) for name in heads)
        room = options.max_width - (1 if sheet.grouped else len(sheet.heads)) * (min(first, NAME) + GAP)
        for place, kept in enumerate(_packed(sheet, room)):
            yield f"[bold]{escape(sheet.title)}[/]{', continued' if place else ''}"
            yield _table(sheet, kept)
            yield ""
        if sheet.note:
            yield f"[dim]{escape(sheet.note)}[/]\n"


def _packed(sheet: Sheet, room: int) -> list[list[int]]:
    """The columns that say something, so many to a table as there is room for."""
    tables: list[list[int]] = []
    left = 0
    for place, column in enumerate(sheet.columns):
        if column.aside or not _told(sheet.rows, place, column):
            continue
        width = _width(sheet, place) + GAP
        if width > left:
            tables.append([])
            left = room
        tables[-1].append(place)
        left -= width
    return tables


def _width(sheet: Sheet, place: int) -> int:
    """What a column needs, its heading broken between words."""
    column, cells = sheet.columns[place], [row.cells[place] for row in sheet.rows]
    words = [*column.heading.split(" "), *map(column.main, cells), *map(column.interval, cells)]
    return max(map(len, words))


def _table(sheet: Sheet, kept: Sequence[int]) -> "Table":
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    # The box itself puts one space between columns.
    table = Table(box=box.SIMPLE_HEAD, padding=(0, GAP - 1, 0, 0), show_edge=False)
    for head in sheet.heads[-1:] if sheet.grouped else sheet.heads:
        table.add_column(escape(head), overflow="fold", max_width=NAME)
    for place in kept:
        table.add_column(escape(sheet.columns[place].heading), justify="right", max_width=_width(sheet, place))
    group: tuple[str, ...] = ()
    for row in sheet.rows:
        if sheet.grouped and row.heads[:-1] != group:
            group = row.heads[:-1]
            table.add_row(f"[bold]{escape(' · '.join(group))}[/]")
        cells = (_words(sheet.columns[place], row.cells[place]) for place in kept)
        table.add_row(*(escape(head) for head in (row.heads[-1:] if sheet.grouped else row.heads)), *cells)
    return table


def _told(rows: tuple[Row, ...], place: int, column: Column) -> bool:
    """Whether a column says anything: counts of what never happened do not."""
    return any(column.main(row.cells[place]) not in {"", "0"} for row in rows)


def _words(column: Column, cell: Cell) -> str:
    from rich.markup import escape

    interval = column.interval(cell)
    return escape(column.main(cell)) + (f"\n[dim]{interval}[/]" if interval else "")
