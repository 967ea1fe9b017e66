"""``imedbench prompts``: how well the simulated user prompts."""

from typing import Annotated

import typer

app = typer.Typer(help="List and show the sets of imperfections for `imedbench eval --prompts`.", no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """The sets of imperfections that ship with imedbench."""
    from rich.table import Table

    from imedbench.cli.screen import console
    from imedbench.prompts.sets import list_sets, load_set

    table = Table("prompts", "what the user does", box=None, header_style="bold")
    for name in list_sets():
        table.add_row(name, load_set(name).summary)
    console.print(table)


@app.command()
def show(name: Annotated[str, typer.Argument(help="Name of a set, or path of one's own.")]) -> None:
    """A set of imperfections in full, as the YAML it is written in, with its digest."""
    from imedbench.cli.screen import print_yaml
    from imedbench.prompts.sets import load_set, set_text

    digest = load_set(name).digest()
    print_yaml(f"# SHA-256 of what bears on results: {digest}\n{set_text(name).decode()}")
