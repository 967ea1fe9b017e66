"""``imedbench leaderboard admin``: teams, keys, tasks and decisions."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from imedbench.cli.eval import On, Split
from imedbench.cli.options import DatabaseUrl, Folder

app = typer.Typer(help="Teams, keys, tasks and decisions.", no_args_is_help=True)
HERE = Path("leaderboard-data")
Name = Annotated[str, typer.Argument(help="Of the team.")]
Submission = Annotated[str, typer.Argument(help="Its id.")]
Reason = Annotated[str, typer.Option(help="Shown on the submission's page, and kept in the log.")]


def _desk(folder: Path, database: str) -> Any:
    settings = import_module("leaderboard.settings").Settings(folder, database)
    return import_module("leaderboard.desk").Desk.open(settings)


@app.command()
def team(name: Name, folder: Folder = HERE, database: DatabaseUrl = "") -> None:
    """Adds a team and shows its key, this once."""
    typer.echo(_desk(folder, database).add_team(name))


@app.command()
def key(
    name: Name,
    days: Annotated[float | None, typer.Option(help="After which it is void.", show_default="never")] = None,
    folder: Folder = HERE,
    database: DatabaseUrl = "",
) -> None:
    """Gives a team another key and shows it, this once."""
    typer.echo(_desk(folder, database).issue_key(name, days))


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The part of the key between its first two underscores.")],
    folder: Folder = HERE,
    database: DatabaseUrl = "",
) -> None:
    """Makes a key void."""
    _desk(folder, database).revoke_key(key_id)


@app.command()
def bar(
    name: Name,
    lift: Annotated[bool, typer.Option("--lift", help="Let it submit again.")] = False,
    folder: Folder = HERE,
    database: DatabaseUrl = "",
) -> None:
    """Takes a team's right to submit; what it has submitted stays."""
    _desk(folder, database).bar_team(name, barred=not lift)


@app.command("add-task")
def add_task(
    name: Annotated[str, typer.Argument(help="Also its address: a-z, 0-9 and -.")],
    data: Annotated[Path, typer.Option(help="A store with truth.")],
    protocol: Annotated[str, typer.Option(help="What is asked: see `imedbench protocols list`; or a file.")] = "single",
    prompts: Annotated[str, typer.Option(help="How good the users are: see `imedbench prompts list`.")] = "perfect",
    title: Annotated[str, typer.Option(help="For people.", show_default="its name")] = "",
    summary: Annotated[str, typer.Option(help="A sentence or two.")] = "",
    split: Annotated[Split, typer.Option(help="Which patients.")] = Split.TEST,
    on: Annotated[On, typer.Option(help="Pictures or volumes.")] = On.AUTO,
    target: Annotated[list[str] | None, typer.Option(help="Only this target; repeat for several.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Cases at most, evenly spread; 0 for all.")] = 0,
    hidden: Annotated[bool, typer.Option("--hidden", help="The truth stays here; prompts are given by turns.")] = False,
    folder: Folder = HERE,
    database: DatabaseUrl = "",
) -> None:
    """Adds a task; what it asks never changes afterwards."""
    from imedbench.evaluate.data import Subset

    subset = Subset(split.value, on.value, tuple(target or ()), limit)
    new = import_module("leaderboard.tasks").NewTask(
        name, title or name, data, protocol, prompts, subset=subset, summary=summary, hidden=hidden
    )
    typer.echo(_desk(folder, database).add_task(new))


@app.command()
def images(
    name: Annotated[str, typer.Argument(help="Of the task.")],
    out: Annotated[Path, typer.Option(help="Where the store of images is written.")],
    folder: Folder = HERE,
    database: DatabaseUrl = "",
) -> None:
    """Writes a task's images as a store without any mask, for those who take part where the truth is hidden."""
    typer.echo(_desk(folder, database).write_images(name, out))


@app.command()
def seed(
    results: Annotated[
        list[Path], typer.Argument(help="Results folders of finished runs.", exists=True, file_okay=False)
    ],
    team: Annotated[str, typer.Option(help="In whose name; made where there is none.")] = "imedbench",
    folder: Folder = HERE,
    database: DatabaseUrl = "",
) -> None:
    """Submits runs of this machine, each to the task that asks what it was asked; makes the tasks that are missing.

    Their checks wait for `imedbench leaderboard serve`.
    """
    for each in _desk(folder, database).seed(results, team):
        typer.echo(f"{each.results}: {each.task}, {each.submission or each.told}")


@app.command()
def close(
    name: Annotated[str, typer.Argument(help="Of the task.")],
    again: Annotated[bool, typer.Option("--open", help="Open it again.")] = False,
    folder: Folder = HERE,
    database: DatabaseUrl = "",
) -> None:
    """Ends submissions to a task."""
    _desk(folder, database).close_task(name, closed=not again)


@app.command()
def accept(submission: Submission, reason: Reason, folder: Folder = HERE, database: DatabaseUrl = "") -> None:
    """Puts a submission that is doubtful on the leaderboard."""
    _desk(folder, database).decide(submission, "verified", reason)


@app.command()
def reject(submission: Submission, reason: Reason, folder: Folder = HERE, database: DatabaseUrl = "") -> None:
    """Takes a submission that was checked off the leaderboard."""
    _desk(folder, database).decide(submission, "rejected", reason)


@app.command()
def withdraw(submission: Submission, reason: Reason = "", folder: Folder = HERE, database: DatabaseUrl = "") -> None:
    """Takes a submission off the leaderboard for its team; it can still be read."""
    _desk(folder, database).withdraw(submission, reason)


@app.command()
def recheck(submission: Submission, folder: Folder = HERE, database: DatabaseUrl = "") -> None:
    """Has a submission checked once more: after a repair of the data or of this program."""
    _desk(folder, database).check_again(submission)


@app.command("list")
def show(folder: Folder = HERE, database: DatabaseUrl = "") -> None:
    """Lists teams, tasks and submissions."""
    for line in _desk(folder, database).lines():
        typer.echo(line)


@app.command()
def log(
    newest: Annotated[int, typer.Option(min=0, help="Entries, the newest first; 0 for all.")] = 30,
    folder: Folder = HERE,
    database: DatabaseUrl = "",
) -> None:
    """Shows what was done, by whom; says whether the chain of the log holds. Exit code 1 means that it does not."""
    desk = _desk(folder, database)
    for line in desk.log_lines(newest):
        typer.echo(line)
    broken = desk.broken()
    typer.echo("The chain holds." if broken is None else f"The chain is BROKEN at entry {broken}.")
    if broken is not None:
        raise typer.Exit(1)
