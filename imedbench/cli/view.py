"""``imedbench view``: a case as a picture, or a store as a page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from imedbench.store import Store


def view(
    store: Annotated[Path, typer.Argument(help="A finished store.", exists=True, file_okay=False)],
    case: Annotated[str, typer.Argument(help="Id of a case; without it, the whole store is shown.")] = "",
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for what is drawn.")] = Path(),
    open_it: Annotated[bool, typer.Option("--open", help="Open it when it is drawn.")] = False,
) -> None:
    """Draws a case (picture, truth, interactive masks), or the store's contact sheet and report page."""
    from imedbench.store import Store

    out.mkdir(parents=True, exist_ok=True)
    opened = Store.open(store)
    written = _view_case(opened, case, out) if case else _view_store(opened, out)
    for path in written:
        typer.echo(path)
    if open_it:
        typer.launch(str(written[-1]))


def _view_case(store: "Store", case: str, out: Path) -> list[Path]:
    from imedbench.report.cases import draw_from

    return [draw_from(store, case, out)]


def _view_store(store: "Store", out: Path) -> list[Path]:
    from rich.progress import Progress

    from imedbench.report.cases import sheet_from
    from imedbench.report.store import write_report

    sheet = sheet_from(store, out)
    page = out / f"{sheet.stem}.html"
    with Progress(transient=True) as bar:
        task = bar.add_task("Drawing cases", total=None)
        write_report(store, page, advance=lambda done, total: bar.update(task, completed=done, total=total))
    return [sheet, page]
