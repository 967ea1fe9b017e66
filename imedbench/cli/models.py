"""`imedbench models`."""


def models() -> None:
    """Lists the models of the catalogue."""
    from rich.console import Console
    from rich.table import Table

    from imedbench import catalog

    table = Table("model", "prompts", "images", "licence", "what it is", box=None, header_style="bold")
    for name in catalog.models():
        card = catalog.card(name)
        images = " and ".join(f"{dimension}-D" for dimension in card.dimensions)
        table.add_row(name, ", ".join(card.prompts), images, card.licence, card.summary)
    Console().print(table)
