"""The catalogue: every model that can be named on the command line, one line each.

An entry is ``module:attribute`` of a `Card`. Other packages add theirs under the entry point group
``imedbench.models``.
"""

import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from imedbench.errors import UnknownName

if TYPE_CHECKING:
    from imedbench.models.base import Card

MODELS = {
    "lite-medsam": "baselines.sam:LITE_MEDSAM",
    "sam-vit-b": "baselines.sam:SAM_VIT_B",
    "sam-vit-l": "baselines.sam:SAM_VIT_L",
    "sam-vit-h": "baselines.sam:SAM_VIT_H",
}


def models() -> dict[str, str]:
    """Name to ``module:attribute`` of every known model, this project's first."""
    theirs = {entry.name: entry.value for entry in entry_points(group="imedbench.models")}
    return theirs | MODELS


def card(name: str) -> "Card":
    """The card of a model; imports no network.

    Raises:
        UnknownName: no model has this name.
    """
    found: Card = resolve("model", models(), name)
    return found


def resolve(kind: str, table: Mapping[str, str], name: str) -> Any:
    """The object that ``table[name]`` points at."""
    if name not in table:
        raise UnknownName(kind, name, table)
    module, _, attribute = table[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
