"""Options that several verbs have, worded once."""

from pathlib import Path
from typing import Annotated

import typer

from imedbench.workers import cores

ALL_CORES = cores()
WorkerCount = Annotated[
    int, typer.Option(min=0, help="Worker processes on this machine; 0 works in this one.", show_default="all cores")
]
Scheduler = Annotated[str, typer.Option(help="Address of a running dask scheduler instead.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Checkpoint = Annotated[Path | None, typer.Option(help="Weights of the model, where not the catalogue's.")]
Folder = Annotated[Path, typer.Option("--folder", help="Of the leaderboard: its database and files.")]
DatabaseUrl = Annotated[str, typer.Option("--database", help="PostgreSQL's URL.", show_default="SQLite in the folder")]
