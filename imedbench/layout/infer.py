"""A recipe for a folder that has none, from what lies in it."""

import re
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from imedbench.errors import BadInput, BadRecipe, printable
from imedbench.layout.contents import modality_in, patient_rule
from imedbench.layout.described import from_bids, from_dataset_json
from imedbench.layout.gridded import from_grids
from imedbench.layout.grouped import from_study_folders
from imedbench.layout.inventory import Finding, Inventory, take_stock
from imedbench.layout.paired import from_names, from_npz, only_images
from imedbench.layout.reading import peek_study
from imedbench.layout.studies import Problem, Study, find_studies
from imedbench.recipe import Recipe, make_recipe
from imedbench.targets import Vocabulary

RULES: tuple[Callable[[Inventory], Finding | None], ...] = (
    from_dataset_json,
    from_bids,
    from_npz,
    from_study_folders,
    from_names,
    only_images,
    from_grids,
)
"""Tried in this order; the first that answers decides."""


def infer_recipe(source: Path) -> tuple[Recipe, list[str]]:
    """A recipe for ``source``, and the sentences that say what was inferred from what.

    Raises:
        BadRecipe: the folder can be read in several ways or in none; the message says what to write.
        BadInput: a file that had to be looked into cannot be used.
    """
    inventory = take_stock(source)
    finding = next((found for rule in RULES if (found := rule(inventory))), None)
    if finding is None:
        message = (
            f"{printable(source)}: the names tell {len(inventory.images)} images and {len(inventory.labels)} labels "
            "apart, but not which belong together; write a recipe with the fields images and labels, each a pattern "
            "such as images/{study}.nii.gz, or with a list of studies."
        )
        raise BadRecipe(message)
    fields = {"name": _name(source), **finding.fields}
    reasons = finding.reasons
    draft = make_recipe({"dimension": 3, **fields}, source)
    studies = list(find_studies(source, draft))
    sound = [one for one in studies if isinstance(one, Study)]
    if not sound:
        message = f"{printable(source)}: {reasons[0]} But no study can be used: {studies[0].error}"  # type: ignore[union-attr]
        raise BadRecipe(message)
    fields["dimension"] = fields.get("dimension") or _dimension(sound)
    _add_modality(fields, inventory, sound, reasons)
    _add_patient(fields, sound, reasons)
    recipe = make_recipe(fields, source)
    reasons.append(_count(list(find_studies(source, recipe)), recipe))
    _add_strangers(recipe, reasons)
    return recipe, reasons


def _name(source: Path) -> str:
    plain = re.sub(r"[^a-z0-9_.-]+", "_", printable(source.resolve().name).lower()).strip("_.-")
    return plain or "data"


def _dimension(studies: list[Study]) -> int:
    """Of the first image whose header can be read."""
    failure = None
    for study in islice(studies, 5):
        try:
            return len(peek_study(study).shape)
        except BadInput as problem:
            failure = problem
    raise failure or ValueError


def _add_modality(fields: dict[str, object], inventory: Inventory, studies: list[Study], reasons: list[str]) -> None:
    if fields.get("modality"):
        return
    if any(unit.endswith("/") for unit in inventory.images):
        reasons.append("The modality is what DICOM says.")
        return
    listed = {study.modality for study in studies}
    if listed != {""}:
        reasons.append(f"Modality {', '.join(sorted(listed - {''}))}, from the names of the images.")
        return
    names = [str(path.relative_to(inventory.root)) for study in islice(studies, 50) for path in study.images]
    found = modality_in([inventory.root.name]) or modality_in(names)
    fields["modality"] = found
    reasons.append(
        f"Modality {found}, from the names." if found else "Nothing tells the modality; write it into the recipe."
    )


def _add_patient(fields: dict[str, object], studies: list[Study], reasons: list[str]) -> None:
    if fields["dimension"] == 3 or any(study.patient != study.id for study in studies):
        return
    rule = patient_rule([study.id for study in studies])
    if rule:
        fields["patient"] = rule
        reasons.append(
            f"Pictures that differ in their last number only ({studies[0].id}) are taken for slices of one patient."
        )


def _count(studies: list[Study | Problem], recipe: Recipe) -> str:
    sound = [one for one in studies if isinstance(one, Study)]
    patients = len({study.patient for study in sound})
    bad = len(studies) - len(sound)
    problems = f"; {bad} more cannot be used (see `imedbench recipes check`)" if bad else ""
    kind = "volumes" if recipe.dimension == 3 else "pictures"
    counts = f"{len(sound)} {'study' if len(sound) == 1 else 'studies'}"
    return f"{counts} of {patients} {'patient' if patients == 1 else 'patients'}, {kind}{problems}."


def _add_strangers(recipe: Recipe, reasons: list[str]) -> None:
    vocabulary = Vocabulary.load()
    strangers = [name for name in recipe.targets if vocabulary.resolve(name) is None]
    if strangers:
        shown = ", ".join(strangers[:5]) + (", ..." if len(strangers) > 5 else "")
        reasons.append(f"Outside the vocabulary of targets: {shown}.")
