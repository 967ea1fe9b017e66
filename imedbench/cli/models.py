"""`imedbench models`."""


def models() -> None:
    """Lists the models of the catalogue."""
    from rich.markup import escape
    from rich.table import Table

    from imedbench import catalog
    from imedbench.cli.screen import console
    from imedbench.errors import Unavailable

    table = Table("model", "prompts", "images", "licence", "what it is", box=None, header_style="bold")
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
