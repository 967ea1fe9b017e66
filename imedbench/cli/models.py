"""`imedbench models`."""


def models() -> None:
    """Lists the models of the catalogue."""
    from rich.markup import escape
    from rich.table import Column, Table

    from imedbench import catalog
    from imedbench.cli.screen import console
    from imedbench.errors import Unavailable

    # Of all columns this one must be whole, however narrow the screen.
    name_column = Column("model", no_wrap=True)
    table = Table(name_column, "prompts", "images", "licence", "what it is", box=None, header_style="bold")
    broken: list[Unavailable] = []
    for name in catalog.models():
        try:
            card = catalog.card(name)
        except Unavailable as problem:
            broken.append(problem)
            continue
        images = " and ".join(f"{dimension}-D" for dimension in card.dimensions)
        table.add_row(name, ", ".join(card.prompts), images, card.licence, card.summary)
    console.print(table)
    for each in broken:
        console.print(f"[yellow]not listed[/] {escape(str(each))}", soft_wrap=True)
