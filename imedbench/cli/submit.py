"""``imedbench submit``: results to a leaderboard."""

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from imedbench.cli.options import ALL_CORES

KEY = "IMEDBENCH_KEY"
REJECTED, DOUBTFUL = 1, 4
"""Exit codes of a check."""


def submit(
    results: Annotated[Path, typer.Argument(help="Results folder of a finished run, or a bundle of one.", exists=True)],
    to: Annotated[str, typer.Option(help="A leaderboard's address, or a folder for the bundle.")] = ".",
    task: Annotated[str, typer.Option(help="Of the leaderboard: its last page, Take part, lists them.")] = "",
    check: Annotated[bool, typer.Option("--check", help="Only replay it here, against the run's data.")] = False,
    name: Annotated[str, typer.Option(help="Of the model, as tables show it.", show_default="the catalogue's")] = "",
    summary: Annotated[str, typer.Option(help="One sentence.", show_default="the catalogue's")] = "",
    authors: Annotated[str, typer.Option(help="Who made it.")] = "",
    licence: Annotated[str, typer.Option(help="Of code and weights.", show_default="the catalogue's")] = "",
    code: Annotated[str, typer.Option(help="Address of the code.")] = "",
    paper: Annotated[str, typer.Option(help="Address of the paper.")] = "",
    card: Annotated[Path | None, typer.Option(help="Model card, Markdown.", exists=True, dir_okay=False)] = None,
    data: Annotated[Path | None, typer.Option(help="Store to check against.", show_default="the run's")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that check.")] = ALL_CORES,
) -> None:
    """Packs the guesses of every turn into one file, and sends it to a leaderboard or puts it into a folder.

    The leaderboard asks every session again: each prompt from the truth and the guess before it, each score anew; with
    --check the same is done here, and nothing is sent. The team's key is read from the variable IMEDBENCH_KEY.
    Exit code 1 means that it was rejected, 4 that it is doubtful.
    """
    from imedbench.cli.screen import print_bundle, print_sent, sending
    from imedbench.evaluate.results import Results
    from imedbench.submission.prepare import prepare
    from imedbench.submission.send import Server, is_address, send

    said = {"name": name, "summary": summary, "authors": authors, "licence": licence, "code": code, "paper": paper}
    if check:
        if data is None and results.is_file():
            message = "to check a bundle, name the store that it was evaluated on, with --data."
            raise typer.BadParameter(message)
        with tempfile.TemporaryDirectory(prefix="imedbench-submit-") as place:
            path = prepare(results, Path(place), said, card)
            print_bundle(path)
            check_bundle(path, data or Results.open(results).data, workers)
        return
    key = os.environ.get(KEY, "")
    if is_address(to) and not (key and task):
        message = f"sending needs --task, and the team's key in the variable {KEY}."
        raise typer.BadParameter(message)
    beside = results if results.is_dir() else results.parent
    path = prepare(results, beside if is_address(to) else Path(to), said, card)
    print_bundle(path)
    if is_address(to):
        with sending() as progress:
            where = send(Server(to.rstrip("/"), key), path, task, progress)
        print_sent(where)


def check_bundle(path: Path, data: Path, workers: int) -> None:
    """Replays a bundle and says what was found; ends with an exit code where it does not hold."""
    from imedbench.cli.screen import checking, print_verdict
    from imedbench.submission.check import check_file

    with checking() as progress:
        verdict = check_file(path, data, workers=workers, progress=progress)
    print_verdict(verdict)
    if verdict.outcome != "verified":
        raise typer.Exit(REJECTED if verdict.outcome == "rejected" else DOUBTFUL)
