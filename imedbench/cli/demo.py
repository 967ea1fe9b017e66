"""`imedbench demo`."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="Folder for raw files, store and report.")] = Path("imedbench-demo"),
    small: Annotated[bool, typer.Option("--small", help="A few images only, to check an installation.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 2,
) -> None:
    """Builds a store from a real brain MR and made-up torso CTs, and writes a report to look at; needs no network.

    One study is broken on purpose, to show what becomes of such.
    """
    from imedbench.cli.screen import building, print_place
    from imedbench.cli.stats import stats
    from imedbench.demo.run import run_demo
    from imedbench.workers import Workers

    with building() as progress:
        summary = run_demo(out, small=small, workers=Workers(workers), progress=progress)
    stats(summary.store)
    print_place(summary)
