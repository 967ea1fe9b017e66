"""`imedbench demo`."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the raw files, the store and the report.")] = Path("imedbench-demo"),
    small: Annotated[bool, typer.Option("--small", help="A few images only: a quick check of an installation.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 2,
) -> None:
    """Builds a store from a real brain MR and made-up torso CTs, and writes a report to look at. Needs no network."""
    from imedbench.build.pipeline import Workers
    from imedbench.cli.screen import building, print_demo
    from imedbench.demo import run_demo

    with building() as progress:
        summary = run_demo(out, small=small, workers=Workers(workers), progress=progress)
    print_demo(summary)
