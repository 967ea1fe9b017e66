"""Cases of a store, drawn to PNG files."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from imedbench.errors import BadStore, UnknownName
from imedbench.report.choice import choose_cases, windows_of
from imedbench.report.drawing import contact_sheet, draw_case, write_png
from imedbench.store.export.selection import file_name

if TYPE_CHECKING:
    from imedbench.store import Store

SHEET_CASES = 12
NEAR = 5


def draw_from(store: "Store", case: str, folder: Path) -> Path:
    """Draws one case of the store to ``CASE.png`` in the folder.

    Raises:
        UnknownName: the store has no such case; the message names those that are spelled alike.
    """
    if case not in store.ids:
        kind = "case"
        raise UnknownName(kind, case, _near(store.ids, case))
    path = folder / f"{file_name(case)}.png"
    write_png(draw_case(store[case], windows_of(store, [case])[case], _targets(store)), path)
    return path


def sheet_from(store: "Store", folder: Path, cases: int = SHEET_CASES) -> Path:
    """Draws the contact sheet of the store to ``NAME.png`` in the folder.

    Raises:
        BadStore: the store is empty.
    """
    chosen = choose_cases(store, cases)
    if not chosen:
        message = f"{store.path}: this store holds no case to draw; its report page says what was left out."
        raise BadStore(message)
    path = folder / f"{file_name(store.info.name)}.png"
    held = [store[name] for name in chosen]
    write_png(contact_sheet(held, windows=windows_of(store, chosen), targets=_targets(store)), path)
    return path


def _targets(store: "Store") -> list[str]:
    """All names in the store, so that a target has the colour that it has on the store's page."""
    import pyarrow.compute as pc

    found: set[str] = set()
    for batch in store.scan("masks", ["target", "kind"]):
        found.update(batch.filter(pc.equal(batch.column("kind"), "gt")).column("target").unique().to_pylist())
    return sorted(found)


def _near(names: Sequence[str], case: str) -> list[str]:
    """Some names like this one; the first ones where none is."""
    alike = [name for name in names if case.lower() in name.lower()][:NEAR]
    return alike or get_close_matches(case, names, NEAR) or list(names[:NEAR])
