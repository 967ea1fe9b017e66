"""``imedbench leaderboard``: serve one, check a bundle, write it as files."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from imedbench.cli.leaderboard_admin import app as admin
from imedbench.cli.options import ALL_CORES, DatabaseUrl, Folder
from imedbench.cli.submit import check_bundle

app = typer.Typer(help="A leaderboard that replays what it is told.", no_args_is_help=True)
app.add_typer(admin, name="admin")
HERE = Path("leaderboard-data")


@app.command()
def serve(
    folder: Folder = HERE,
    database: DatabaseUrl = "",
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 8080,
    workers: Annotated[int, typer.Option(min=0, help="Processes that check submissions.")] = 1,
    name: Annotated[str, typer.Option(help="What the pages call it.")] = "imedbench leaderboard",
    rate: Annotated[int, typer.Option(min=1, help="Requests a minute that one address may make.")] = 600,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
) -> None:
    """Starts everything: pages, API, and the processes that check submissions; ends with Ctrl+C.

    Nothing is lost by ending it at any time. Behind a proxy, leave TLS to that.
    """
    service: Any = import_module("leaderboard.serve")

    def ready(url: str) -> None:
        typer.echo(f"{name}: {url} (Ctrl+C ends it)")
        if open_it:
            typer.launch(url)

    settings = import_module("leaderboard.settings").Settings(folder, database, name, requests_a_minute=rate)
    service.serve(settings, service.Place(host, port, workers), ready)


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="A submission's file.", exists=True, dir_okay=False)],
    data: Annotated[Path, typer.Option(help="The store that it was evaluated on, with its truth.")],
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = ALL_CORES,
) -> None:
    """Checks a submission's file against the data: every prompt is asked again, every score computed anew.

    Exit code 1 means that it was rejected, 4 that it is doubtful.
    """
    check_bundle(bundle, data, workers)


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="Folder for the pages.")],
    folder: Folder = HERE,
    database: DatabaseUrl = "",
) -> None:
    """Writes all pages and JSON as files for any web server; what is there of an earlier export is replaced."""
    board = import_module("leaderboard.board").Board.open(
        import_module("leaderboard.settings").Settings(folder, database)
    )
    count = import_module("leaderboard.export").export(board, out)
    typer.echo(f"{count:,} files: {out / 'index.html'}")
