"""What a terminal shows of a report: tables with intervals. Nothing is printed here."""

from typing import TYPE_CHECKING

from imedbench.evaluate.report.sheets import Cell, Column, Row, Sheet

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from imedbench.evaluate.report.write import Report


def renderables(report: "Report") -> list["RenderableType"]:
    """What to print, from top to bottom: what was run, warnings, scores, differences, effort, and how to read it."""
    from rich.text import Text

    from imedbench.evaluate.report.write import summary_sheets

    first = report.gathered.first
    title = Text(" · ".join(run.name for run in report.gathered.runs), style="bold")
    title.append(
        f"  {first.protocol.id} on {first.facts['data']['name']}, prompts: {first.facts['prompts']['name']}; ", ""
    )
    title.append(f"{first.sessions:,} sessions of {first.count('patient'):,} patients", style="")
    warnings = [Text(f"! {warning}", style="yellow") for warning in report.gathered.warnings]
    lost = [
        Text(f"{run.name}: {run.failed:,} sessions failed; they count with the worst value.", style="red")
        for run in report.gathered.runs
        if run.failed
    ]
    return [
        title,
        *warnings,
        *lost,
        *(rich_table(sheet) for sheet in summary_sheets(report)),
        Text(READING, style="dim"),
    ]


READING = "Means over sessions; below them the 95 % interval (patients drawn anew). User's time is by a stated model."


def rich_table(sheet: Sheet) -> "Table":
    """The table with intervals below the means, so that it is narrow; columns that say nothing are left out."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        title=escape(sheet.title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for head in sheet.heads:
        table.add_column(escape(head), overflow="fold", min_width=6)
    kept = [place for place, column in enumerate(sheet.columns) if _told(sheet.rows, place, column)]
    for place in kept:
        table.add_column(escape(sheet.columns[place].heading), justify="right")
    for row in sheet.rows:
        cells = (_words(sheet.columns[place], row.cells[place]) for place in kept)
        table.add_row(*(escape(head) for head in row.heads), *cells)
    return table


def _told(rows: tuple[Row, ...], place: int, column: Column) -> bool:
    """Whether a column says anything: counts of what never happened do not."""
    return any(column.main(row.cells[place]) not in {"", "0"} for row in rows)


def _words(column: Column, cell: Cell) -> str:
    from rich.markup import escape

    interval = column.interval(cell)
    return escape(column.main(cell)) + (f"\n[dim]{interval}[/]" if interval else "")
