"""``imedbench report``: one run, or several against one another."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    results: Annotated[
        list[Path], typer.Argument(help="Results folders of finished runs.", exists=True, file_okay=False)
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for page, CSV and LaTeX; else only tables are shown.")
    ] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open the page when it is written.")] = False,
) -> None:
    """Shows the scores of runs, compares them on the sessions that all have, and writes page, CSV and LaTeX."""
    from imedbench.cli.screen import console
    from imedbench.evaluate.report import make_report, write_files
    from imedbench.evaluate.report.terminal import renderables
    from imedbench.evaluate.results import Results

    made = make_report([Results.open(folder) for folder in results])
    for each in renderables(made):
        console.print(each)
    if out is None:
        return
    paths = write_files(made, out)
    for path in (paths.html, paths.tex, *paths.csv):
        typer.echo(path)
    if open_it:
        typer.launch(str(paths.html))
