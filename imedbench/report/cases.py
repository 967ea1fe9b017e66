"""Cases of a store, drawn to PNG files."""

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from imedbench.errors import ImedbenchError
from imedbench.report.choice import choose_cases, windows_of
from imedbench.report.drawing import contact_sheet, draw_case, write_png
from imedbench.store.export.selection import file_name

if TYPE_CHECKING:
    from imedbench.store import Store

SHEET_CASES = 12
NEAR = 5


class UnknownCase(ImedbenchError):
    """A case that is not in the store; the message names some that are spelled alike."""


def draw_from(store: "Store", case: str, folder: Path) -> Path:
    """Draws one case of the store to ``CASE.png`` in the folder.

    Raises:
        UnknownCase: the store has no such case.
    """
    if case not in store:
        raise UnknownCase(_unknown(store, case))
    targets = store.masks["target"].unique().to_pylist()
    path = folder / f"{file_name(case)}.png"
    write_png(draw_case(store[case], windows_of(store, [case])[case], targets), path)
    return path


def sheet_from(store: "Store", folder: Path, cases: int = SHEET_CASES) -> Path:
    """Draws the contact sheet of the store to ``NAME.png`` in the folder."""
    chosen = choose_cases(store, cases)
    path = folder / f"{file_name(store.info.name)}.png"
    write_png(contact_sheet([store[name] for name in chosen], windows=windows_of(store, chosen)), path)
    return path


def _unknown(store: "Store", case: str) -> str:
    names = list(store.ids)
    near = get_close_matches(case, names, NEAR, 0.5) or [name for name in names if case in name][:NEAR] or names[:NEAR]
    return f"the store {store.info.name} has no case {case!r}; near it are: {', '.join(near)}."
