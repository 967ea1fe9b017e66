"""Folders where names do not say which label belongs to which image, but their grids do."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from imedbench.errors import BadInput, BadRecipe, printable
from imedbench.layout.contents import describe_labels, modality_in
from imedbench.layout.inventory import Finding, Inventory, split_name

FEW_FILES = 200
"""Up to so many images and labels are paired by their grids."""


def from_grids(inventory: Inventory) -> Finding | None:
    """Each label with the only image of its grid, as a list of studies.

    Raises:
        BadRecipe: a label's grid is that of no image, or of several.
    """
    if not inventory.labels or not inventory.images or len(inventory.units) > FEW_FILES:
        return None
    grids = {unit: _grid(inventory.root / unit) for unit in inventory.units}
    listed: dict[str, list[str]] = {image: [] for image in inventory.images}
    for label in inventory.labels:
        fitting = [image for image in inventory.images if grids[image] and grids[image] == grids[label]]
        if len(fitting) != 1:
            told = f"{len(fitting)} images have its grid" if fitting else "no image has its grid"
            message = (
                f"{printable(inventory.root / label)}: which image this label belongs to cannot be told, because their "
                f"names share no text and {told}; write a recipe that lists them under `studies`, each with its id, "
                "images and labels."
            )
            raise BadRecipe(message)
        listed[fitting[0]].append(label)
    return _list_of(inventory, listed)


def _grid(path: Path) -> tuple[int, ...]:
    """The shape in the header; empty where it cannot be read."""
    from imedbench.io import peek

    try:
        return peek(path).shape
    except BadInput:
        return ()


def _list_of(inventory: Inventory, listed: Mapping[str, Sequence[str]]) -> Finding:
    reasons = ["The names of images and labels share no text, so each label was given to the one image of its grid."]
    studies = []
    for image, labels in listed.items():
        study = re.sub(r"[^A-Za-z0-9_.-]+", "_", split_name(image)[0])
        studies.append({"id": study, "images": [image], "labels": list(labels), "modality": modality_in([image])})
        reasons.append(f"{image}: {', '.join(labels) if labels else 'no label'}.")
    entries = []
    for number in range(max(len(labels) for labels in listed.values())):
        units = [labels[number] for labels in listed.values() if len(labels) > number]
        described, why = describe_labels(inventory.root, units, ", ".join(units))
        entries.append(described | {"path": ""})
        reasons.extend(why)
    return Finding({"studies": studies, "labels": entries}, reasons)
