"""Folders that say themselves what they hold: IMed-361M, nnU-Net, Medical Segmentation Decathlon, BIDS derivatives."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imedbench.errors import BadRecipe, printable
from imedbench.layout.contents import describe_labels, modality_in
from imedbench.layout.inventory import Finding, Inventory, folder_of, split_name, stem_of
from imedbench.layout.names import names_of_table, without_background

BIDS_LABEL = re.compile(r"_(dseg|probseg|mask)$")
OF_LABELS = r"_(?:(?:desc|label|atlas|seg|res|den)-[^_]+|space-(?:orig|individual|native|T1w|T2w|FLAIR)(?=_|$))"
"""Entities that a label has and its image has not; its space, where that is the image's own."""


def from_dataset_json(inventory: Inventory) -> Finding | None:
    """The layouts that keep a ``dataset.json``."""
    path = inventory.root / "dataset.json"
    if "dataset.json" not in inventory.files:
        return None
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        message = f"{printable(path)}: not JSON ({problem}); correct it, or write a recipe."
        raise BadRecipe(message) from None
    if not isinstance(description, dict) or not isinstance(description.get("labels"), dict):
        return None
    entries = [entry for entry in description.get("training") or () if isinstance(entry, dict) and "image" in entry]
    if entries and "imask" in entries[0]:
        return _imed361m(description, entries)
    if "channel_names" in description:
        return _nnunet(path, inventory, description)
    return _decathlon(inventory, description, entries)


def _imed361m(description: Mapping[str, Any], entries: Sequence[Mapping[str, str]]) -> Finding:
    stem = stem_of(entries[0]["image"])
    names = _value_to_name(description["labels"])
    shaped = re.sub(r"\(\d+, \d+, \d+, 1\)", "({n}, {h}, {w}, 1)", entries[0]["label"].replace(stem, "{study}"))
    labels = {"path": _below(shaped), "encoding": "csr" if "{n}" in shaped else "map", "names": names}
    fields = {
        "images": _below(entries[0]["image"].replace(stem, "{study}")),
        "interactive": _below(entries[0]["imask"].replace(stem, "{study}")),
        "labels": [labels],
        "modality": _modality(description),
        "dimension": 3 if "3" in str(description.get("dimension")) else 2,
    }
    reasons = [
        "dataset.json lists image, label and imask of each picture: the layout of IMed-361M.",
        f"Row k of a label is class k + 1 of dataset.json, which names {len(names)}.",
        "The imask files are taken for published interactive masks.",
    ]
    return Finding(fields, reasons)


def _nnunet(path: Path, inventory: Inventory, description: Mapping[str, Any]) -> Finding:
    ending = str(description.get("file_ending") or _ending_in(inventory, "imagesTr/"))
    channels = {int(number): str(name) for number, name in description["channel_names"].items()}
    images = {name.lower(): f"imagesTr/{{study}}_{number:04d}{ending}" for number, name in sorted(channels.items())}
    regions = [name for name, value in description["labels"].items() if isinstance(value, list)]
    if regions:
        message = (
            f"{printable(path)}: the label {regions[0]!r} is a region of several values, which a recipe cannot say; "
            "write a recipe that gives each single value a name (`imedbench recipes show msd_hippocampus` shows one)."
        )
        raise BadRecipe(message)
    values = {str(name): int(value) for name, value in description["labels"].items()}
    ignore = [value for name, value in values.items() if name.lower() == "ignore"]
    names = without_background({value: name for name, value in values.items() if value not in ignore})
    fields = {
        "images": images if len(images) > 1 else next(iter(images.values())),
        "labels": [{"path": f"labelsTr/{{study}}{ending}", "names": names, "ignore": ignore}],
        "modality": _common_modality(images),
    }
    reasons = [
        "dataset.json with channel_names: nnU-Net's raw layout, version 2.",
        f"Channels: {', '.join(channels.values())}. Labels: {', '.join(names.values())}.",
    ]
    if any(file.startswith("imagesTs/") for file in inventory.files):
        reasons.append("imagesTs is left out: its images have no labels here.")
    return Finding(fields, reasons)


def _decathlon(
    inventory: Inventory, description: Mapping[str, Any], entries: Sequence[Mapping[str, str]]
) -> Finding | None:
    if not any(file.startswith("imagesTr/") for file in inventory.files):
        return None
    image = entries[0]["image"] if entries else f"imagesTr/x{_ending_in(inventory, 'imagesTr/')}"
    label = entries[0].get("label", image) if entries else f"labelsTr/x{_ending_in(inventory, 'labelsTr/')}"
    # The Decathlon's JSON may leave out the number of the channel that nnU-Net 1 adds to the file names.
    numbered = [file for file in inventory.files if re.match(rf"imagesTr/{re.escape(stem_of(image))}_0000\.", file)]
    names = _value_to_name(description["labels"])
    fields = {
        "images": f"{folder_of(_below(image))}{{study}}{'_0000' if numbered else ''}{split_name(image)[1]}",
        "labels": [{"path": f"{folder_of(_below(label))}{{study}}{split_name(label)[1]}", "names": names}],
        "modality": _modality(description),
        "title": str(description.get("name", "")),
        "licence": str(description.get("licence") or description.get("license") or ""),
    }
    reasons = [
        "dataset.json with imagesTr and labelsTr: the layout of the Medical Segmentation Decathlon.",
        f"Labels: {', '.join(names.values())}.",
    ]
    return Finding(fields, reasons)


def from_bids(inventory: Inventory) -> Finding | None:
    """BIDS derivatives: ``sub-01[/ses-1]/anat/sub-01_..._dseg.nii.gz`` and the image it was drawn on."""
    labels = [unit for unit in inventory.units if "sub-" in unit and BIDS_LABEL.search(stem_of(unit))]
    if not labels:
        return None
    pairs = {pair for label in labels if (pair := _bids_pair(inventory, label))}
    patterns = {(_bids_pattern(image), _bids_pattern(label)) for image, label in pairs}
    if len(patterns) != 1:
        told = "; ".join(sorted(label for _, label in patterns)) or "no image beside or above them"
        message = (
            f"{printable(inventory.root)}: BIDS labels that follow no single pattern ({told}); "
            "write a recipe that names one pattern for images and one for labels."
        )
        raise BadRecipe(message)
    image, label = patterns.pop()
    tables = [file for file in inventory.files if file.endswith("dseg.tsv")]
    names = names_of_table(inventory.root / tables[0]) if tables else {}
    described, why = {"path": label, "names": names}, [f"{tables[0]} names {len(names)} labels."] if tables else []
    if not tables:
        described, why = describe_labels(inventory.root, sorted(unit for _, unit in pairs), label)
    fields: dict[str, Any] = {"images": image, "labels": [described]}
    fields["modality"] = {"T1w": "mr-t1w", "T2w": "mr-t2w", "FLAIR": "mr-flair", "ct": "ct", "CT": "ct"}.get(
        stem_of(image).rsplit("_", 1)[-1], "mr"
    )
    return Finding(fields, [f"Labels of subjects (sub-*): BIDS derivatives, images {image}, labels {label}.", *why])


def _bids_pair(inventory: Inventory, label: str) -> tuple[str, str] | None:
    """The image that a label was drawn on: of the same entities, beside it or in the raw data."""
    entities = BIDS_LABEL.sub("", stem_of(label))
    entities = re.sub(OF_LABELS, "", entities)
    place = folder_of(label)
    raw = place[place.index("sub-") :]
    for folder in (raw, place):
        for unit in inventory.units:
            same = folder_of(unit) == folder and stem_of(unit).startswith(f"{entities}_")
            if same and not BIDS_LABEL.search(stem_of(unit)):
                return unit, label
    return None


def _bids_pattern(unit: str) -> str:
    """The pattern of a BIDS path: its subject and session in folders, and the entities before the suffix."""
    folder = re.sub(r"(?<=/)ses-[^/]+", "{session}", re.sub(r"sub-[^/]+", "{patient}", folder_of(unit)))
    stem, ending = split_name(unit[len(folder_of(unit)) :])
    tail = re.search(rf"((?:{OF_LABELS})*_[^_]+)$", stem)
    return f"{folder}{{study}}{tail[1] if tail else ''}{ending}"


def _value_to_name(labels: Mapping[str, Any]) -> dict[int, str]:
    """A table that may be either way round, without the background."""
    if all(str(key).lstrip("-").isdigit() for key in labels):
        return without_background({int(key): str(name) for key, name in labels.items()})
    return without_background({int(value): str(name) for name, value in labels.items()})


def _modality(description: Mapping[str, Any]) -> str:
    named = description.get("modality")
    names = list(named.values()) if isinstance(named, dict) else [named] if isinstance(named, str) else []
    return _common_modality([str(name) for name in names])


def _common_modality(names: Sequence[str] | Mapping[str, str]) -> str:
    return modality_in(list(names))


def _ending_in(inventory: Inventory, folder: str) -> str:
    inside = [unit for unit in inventory.units if unit.startswith(folder)]
    return split_name(inside[0])[1] if inside else ".nii.gz"


def _below(path: str) -> str:
    return path.removeprefix("./")
