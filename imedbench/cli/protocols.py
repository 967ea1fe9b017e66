"""``imedbench protocols``: what can be asked of every model, and how answers are scored."""

from typing import Annotated

import typer

app = typer.Typer(help="List and show the protocols by which models are evaluated.", no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """The protocols that ship with imedbench."""
    from rich.table import Table

    from imedbench.cli.screen import console
    from imedbench.evaluate.protocol import list_protocols, load_protocol

    table = Table("protocol", "dim", "arms", "turns", "prompts", "what is asked", box=None, header_style="bold")
    for name in list_protocols():
        protocol = load_protocol(name)
        dimensions = ", ".join(map(str, protocol.dimensions))
        turns = str(max(arm.turns for arm in protocol.arms))
        kinds = ", ".join(sorted({kind for arm in protocol.arms for kind in arm.kinds}))
        table.add_row(name, dimensions, str(len(protocol.arms)), turns, kinds, protocol.summary)
    console.print(table)


@app.command()
def show(name: Annotated[str, typer.Argument(help="Id of a protocol, or path of one's own.")]) -> None:
    """A protocol in full, as the YAML it is written in, with its digest."""
    from imedbench.cli.screen import print_yaml
    from imedbench.evaluate.protocol import load_protocol, protocol_text

    digest = load_protocol(name).digest()
    print_yaml(f"# SHA-256 of what bears on results: {digest}\n{protocol_text(name).decode()}")
