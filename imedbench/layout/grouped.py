"""Folders with one sub-folder a study, the files in it called alike in each."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from imedbench.layout.contents import channel_names, describe_labels, looks_like_label
from imedbench.layout.inventory import Finding, Inventory, common_folder, folder_of, last_step, split_name

MANY_FILES = 3
"""Label files in one folder of a study, from which on they are taken for one a target."""


def from_study_folders(inventory: Inventory) -> Finding | None:
    """One sub-folder a study, with its image and its labels."""
    top = common_folder(inventory.units)
    members = _by_study(inventory.units, top)
    if members is None:
        return None
    templates = Counter(template for units in members.values() for template in units)
    everywhere = [template for template, count in templates.items() if count == len(members)]
    labels = set(inventory.labels)
    said = {template for units in members.values() for template, unit in units.items() if unit in labels}
    images = [template for template in everywhere if template not in said]
    first = next(iter(members.values()))
    if len(images) > 1:
        seen = {template for template in images if looks_like_label(inventory.root / first[template])}
        images = [template for template in images if template not in seen]
        said |= seen
    else:
        seen = set()
    if not images or not said:
        return None
    fields: dict[str, Any] = {"images": _images(top, images), "labels": []}
    reasons = [f"{len(members)} sub-folders with files of the same names: each is a study."]
    if len(images) > 1:
        reasons.append(f"Channels: {', '.join(fields['images'])}, from the names of the image files.")
    reasons.extend(f"{template}: taken for a label, because it holds only a few whole numbers." for template in seen)
    for pattern, units in _label_patterns(top, members, said).items():
        described, why = _described(inventory, pattern, units)
        fields["labels"].append(described)
        reasons.extend(why)
    return Finding(fields, reasons)


def _by_study(units: Sequence[str], top: str) -> dict[str, dict[str, str]] | None:
    """For each sub-folder, its units by their path in it, the folder's own name written as ``{study}``.

    None where not all units lie in sub-folders, or the sub-folders are not alike.
    """
    members: dict[str, dict[str, str]] = {}
    for unit in units:
        study, slash, rest = unit[len(top) :].partition("/")
        if not slash or not rest:
            return None
        members.setdefault(study, {})[rest.replace(study, "{study}")] = unit
    if len(members) < 2:
        return None
    shared = set.intersection(*(set(units) for units in members.values()))
    return members if shared else None


def _images(top: str, templates: Sequence[str]) -> str | dict[str, str]:
    patterns = [f"{top}{{study}}/{template}" for template in sorted(templates)]
    if len(patterns) == 1:
        return patterns[0]
    return dict(zip(channel_names(patterns), patterns, strict=True))


def _label_patterns(top: str, members: Mapping[str, Mapping[str, str]], templates: set[str]) -> dict[str, list[str]]:
    """Patterns of the label files with the files that fit them; many in one folder are one a target."""
    by_place: dict[tuple[str, str], set[str]] = {}
    for template in templates:
        by_place.setdefault((folder_of(template), split_name(last_step(template))[1]), set()).add(template)
    patterns: dict[str, list[str]] = {}
    for (folder, ending), group in sorted(by_place.items()):
        of_targets = bool(folder) and len(group) >= MANY_FILES
        for template in sorted(group):
            pattern = f"{folder}{{target}}{ending}" if of_targets else template
            units = [found[template] for found in members.values() if template in found]
            patterns.setdefault(f"{top}{{study}}/{pattern}", []).extend(units)
    return patterns


def _described(inventory: Inventory, pattern: str, units: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    encoding = dict(inventory.dicom_labels).get(units[0])
    if encoding:
        return {"path": pattern, "encoding": encoding}, [f"{pattern}: {encoding} names its own targets."]
    if re.search(r"\{target\}", pattern):
        return {"path": pattern, "encoding": "files"}, [f"{pattern}: one file a target, by the names of the files."]
    return describe_labels(inventory.root, units, pattern)
