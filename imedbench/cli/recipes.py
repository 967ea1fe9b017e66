"""``imedbench recipes``: what data sets can be read, and how to read one's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from imedbench.layout import Problem
    from imedbench.layout.checking import CheckedStudy

app = typer.Typer(help="List, show, check and write recipes, by which raw data is read.", no_args_is_help=True)
SHOWN = 20


@app.command("list")
def list_() -> None:
    """The recipes that ship with imedbench."""
    from rich.table import Table

    from imedbench.cli.screen import console
    from imedbench.recipe import list_recipes, load_recipe

    table = Table("recipe", "data set", "modality", "dim", "targets", "licence", box=None, header_style="bold")
    for name in list_recipes():
        recipe = load_recipe(name)
        row = (recipe.title, recipe.modality, str(recipe.dimension), str(len(recipe.targets)), recipe.licence)
        table.add_row(name, *row)
    console.print(table)


@app.command()
def show(name: Annotated[str, typer.Argument(help="Name of a recipe, or path of one's own.")]) -> None:
    """A recipe in full, with the meaning of its fields."""
    from imedbench.cli.screen import print_yaml
    from imedbench.layout.writing import recipe_text
    from imedbench.recipe import load_recipe

    print_yaml(recipe_text(load_recipe(name)))


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="Name of a recipe, or path of one's own.")],
    source: Annotated[Path, typer.Option(help="Folder with the raw data.")],
) -> None:
    """What a recipe finds in a folder: its studies by their headers, and every problem. Exit code 1 if there is one."""
    from rich.progress import track

    from imedbench.cli.screen import console, counted
    from imedbench.layout.checking import CheckedStudy, check_source, unknown_names
    from imedbench.recipe import load_recipe

    recipe = load_recipe(name)
    found = list(track(check_source(source, recipe), "Reading headers", console=console, transient=True))
    sound = [one for one in found if isinstance(one, CheckedStudy)]
    problems = [one for one in found if not isinstance(one, CheckedStudy)]
    _print_studies(sound)
    _print_problems(problems)
    strangers = unknown_names(recipe)
    if strangers:
        console.print(f"[yellow]Outside the vocabulary:[/] {', '.join(strangers)} (they become targets of group other)")
    patients = counted(len({one.study.patient for one in sound}), "patient")
    console.print(f"{counted(len(sound), 'study', 'studies')} of {patients}, {counted(len(problems), 'problem')}.")
    if problems:
        raise typer.Exit(1)


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(help="Folder with raw data.")],
    out: Annotated[Path | None, typer.Option(help="File to write; default: the folder's name, here.")] = None,
) -> None:
    """Infers a recipe from what lies in a folder and writes it, with comments, for you to go on with."""
    from rich.markup import escape

    from imedbench.cli.screen import console
    from imedbench.layout import infer_recipe
    from imedbench.layout.writing import write_recipe

    recipe, reasons = infer_recipe(folder)
    path = out or Path(f"{recipe.name}.yaml")
    write_recipe(path, recipe, reasons)
    for reason in reasons:
        console.print(f"  - {escape(reason)}")
    console.print(f"Wrote [bold]{escape(str(path))}[/]. Complete it, then:", soft_wrap=True)
    console.print(f"  imedbench recipes check {escape(str(path))} --source {escape(str(folder))}", soft_wrap=True)


def _print_studies(sound: "list[CheckedStudy]") -> None:
    from rich.markup import escape
    from rich.table import Table

    from imedbench.cli.screen import console

    table = Table("study", "patient", "grid", "spacing, mm", "files", box=None, header_style="bold")
    for one in sound[:SHOWN]:
        grid = " x ".join(str(length) for length in one.shape)
        spacing = " x ".join(f"{step:.3g}" for step in one.spacing_mm)
        files = f"{len(one.study.images)} image, {len(one.study.labels)} label"
        table.add_row(escape(one.study.id), escape(one.study.patient), grid, spacing, files)
    console.print(table)
    if len(sound) > SHOWN:
        console.print(f"... and {len(sound) - SHOWN} more.")


def _print_problems(problems: "list[Problem]") -> None:
    from rich.markup import escape

    from imedbench.cli.screen import console

    for problem in problems[:SHOWN]:
        console.print(f"[yellow]{escape(problem.study or '-')}[/] {escape(problem.error)}", soft_wrap=True)
    if len(problems) > SHOWN:
        console.print(f"... and {len(problems) - SHOWN} problems more.")
