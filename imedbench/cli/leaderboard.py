"""``imedbench leaderboard``: serve one, check a bundle, write it as files."""

import os
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from imedbench.catalog import DEFAULT_MODEL
from imedbench.cli.eval import Across
from imedbench.cli.leaderboard_admin import app as admin
from imedbench.cli.options import ALL_CORES, Checkpoint, DatabaseUrl, Device, Folder
from imedbench.cli.submit import KEY, check_bundle

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
def play(
    to: Annotated[str, typer.Option(help="The leaderboard's address.")],
    task: Annotated[str, typer.Option(help="One whose truth is hidden.")],
    data: Annotated[Path, typer.Option(help="Store of its images, from the organisers.", exists=True)],
    model: Annotated[str, typer.Option(help="Model of the catalogue: see `imedbench models`.")] = DEFAULT_MODEL,
    checkpoint: Checkpoint = None,
    across: Annotated[Across, typer.Option(help="How a 2-D model gets through a volume.")] = Across.BOX,
    batch: Annotated[int, typer.Option(min=1, help="Targets asked at once.")] = 32,
    device: Device = "auto",
    name: Annotated[str, typer.Option(help="Of the model, as tables show it.", show_default="the catalogue's")] = "",
    card: Annotated[Path | None, typer.Option(help="Model card, Markdown.", exists=True, dir_okay=False)] = None,
) -> None:
    """Plays a task whose truth is hidden: the leaderboard gives each prompt after the guess before it has come in.

    An attempt that was interrupted goes on: repeat the command. What was answered cannot be taken back. The team's key
    is read from the variable IMEDBENCH_KEY.
    """
    from imedbench.catalog import card as card_of
    from imedbench.cli.screen import playing, print_sent
    from imedbench.submission.about import About
    from imedbench.submission.play import PlaySettings, play
    from imedbench.submission.send import Server

    key = os.environ.get(KEY, "")
    if not key:
        message = f"this needs the team's key in the variable {KEY}."
        raise typer.BadParameter(message)
    server, known = Server(to.rstrip("/"), key), card_of(model)
    about = About.of_card({"name": name or known.name, "summary": known.summary, "licence": known.licence})
    settings = PlaySettings(task, model, str(checkpoint or ""), across.value, batch, device)
    text = card.read_text("utf-8") if card else ""
    with playing() as progress:
        played = play(server, data, settings, about, text=text, progress=progress)
    print_sent(server.page(played.submission))


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
