"""Stores written in the layouts that other tools read."""

import importlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from imedbench.errors import BadInput, UnknownName

if TYPE_CHECKING:
    from imedbench.store import Store

__all__ = ["FORMATS", "ExportSummary", "Progress", "export_store"]

FORMATS = {
    "imed361m": "imedbench.store.export.imed361m:write",
    "coco": "imedbench.store.export.coco:write",
    "nnunet": "imedbench.store.export.nnunet:write",
    "webdataset": "imedbench.store.export.webdataset:write",
}

Progress = Callable[[int, int], None]
"""Called with the number of cases done and of all to do."""


@dataclass(slots=True)
class ExportSummary:
    """What an export wrote, and what it could not."""

    cases: int = 0
    masks: int = 0
    notes: list[str] = field(default_factory=list)
    """One sentence on each thing that the layout has no place for."""


def export_store(
    store: "Store", layout: str, out: Path, progress: Progress = lambda done, total: None
) -> ExportSummary:
    """Writes the store in another layout; ``out`` appears at once, when all of it is there.

    Args:
        store: a finished store.
        layout: one of `FORMATS`.
        out: a folder that does not exist yet, or is empty.
        progress: called after each case.

    Raises:
        UnknownName: there is no such layout.
        BadInput: ``out`` is in the way, or the layout has no place for what the store holds.
    """
    if layout not in FORMATS:
        kind = "export format"
        raise UnknownName(kind, layout, FORMATS)
    module, _, name = FORMATS[layout].partition(":")
    write = getattr(importlib.import_module(module), name)
    with _fresh(out) as folder:
        summary: ExportSummary = write(store, folder, progress)
    return summary


@contextmanager
def _fresh(out: Path) -> Iterator[Path]:
    """A new folder that becomes ``out`` if all goes well, and goes if not."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        fact, remedy = "is already there and not empty", "name a new folder with --out, or remove this one"
        raise BadInput(out, fact, remedy)
    folder = out.with_name(f".{out.name}.partial")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder)
        raise
    if out.exists():
        out.rmdir()
    folder.rename(out)
