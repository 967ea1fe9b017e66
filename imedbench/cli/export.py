"""``imedbench export``: a store in the layout of another tool."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    store: Annotated[Path, typer.Argument(help="A finished store.", exists=True, file_okay=False)],
    layout: Annotated[str, typer.Option("--format", "-f", help="imed361m, coco, nnunet or webdataset.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A new or empty folder.")],
) -> None:
    """Writes a store in the layout of another tool."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from imedbench.store import Store
    from imedbench.store.export import export_store

    console = Console()
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    )
    with bar:
        task = bar.add_task(f"Exporting as {layout}", total=None)
        summary = export_store(
            Store.open(store), layout, out, lambda done, total: bar.update(task, completed=done, total=total)
        )
    said = [f"{summary.cases:,} cases with {summary.masks:,} masks are in {out}."]
    for line in said + [f"Note: {note}" for note in summary.notes]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
