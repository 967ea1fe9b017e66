"""Folders where an image and its labels are known by their names: twin folders, endings, SA-Med2D's masks."""

import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from imedbench.errors import BadInput, BadRecipe, printable
from imedbench.io.images import suffix_of
from imedbench.layout.contents import channel_names, describe_labels
from imedbench.layout.inventory import (
    IMAGE_WORDS,
    LABEL_WORDS,
    SPLIT_FOLDERS,
    Finding,
    Inventory,
    common_start,
    folder_of,
    last_step,
    split_name,
    stem_of,
)

NUMBERED = re.compile(r"_\d{4}$")
"""The channel number that nnU-Net puts at the end of an image's name."""
Pattern = str


def from_npz(inventory: Inventory) -> Finding | None:
    """Archives that hold an image and its mask together."""
    if any(suffix_of(Path(unit)) != ".npz" for unit in inventory.units):
        return None
    from imedbench.io.arrays import IMAGE_NAMES, LABEL_NAMES

    held = _first_members(inventory)
    both = [name for names in (IMAGE_NAMES, LABEL_NAMES) for name in names if name in held]
    if not held & set(LABEL_NAMES) or len(both) < 2:
        return None
    pattern = _generalised(inventory.units)
    labels, reasons = describe_labels(inventory.root, inventory.units, pattern)
    told = ", ".join(sorted(held))
    return Finding(
        {"images": pattern, "labels": [labels]}, [f"Each .npz holds an image and its mask ({told}).", *reasons]
    )


def _first_members(inventory: Inventory) -> set[str]:
    """The names of the arrays in the first archive that can be read."""
    from imedbench.io.arrays import members

    for unit in inventory.units:
        try:
            with members(inventory.root / unit) as held:
                return set(held)
        except BadInput:
            continue
    return set()


def from_names(inventory: Inventory) -> Finding | None:
    """Images and labels whose names have a text in common: the study."""
    if not inventory.labels or not inventory.images:
        return None
    owners = _owners(inventory.images, inventory.labels)
    if 2 * len(owners) <= len(inventory.labels):
        return None
    images: dict[Pattern, list[str]] = {}
    labels: dict[Pattern, list[str]] = {}
    for label, (image, study) in owners.items():
        images.setdefault(_image_pattern(image, study), []).append(image)
        labels.setdefault(_label_pattern(label, study), []).append(label)
    labels = _folded(labels)
    if len(images) > 1 or len(labels) > 8:
        return None
    pattern = next(iter(images))
    fields: dict[str, Any] = {"images": _channels(inventory, pattern), "labels": []}
    shared = "An image and its label share a name" if "{study}" in pattern else "There is one image, so all is its own"
    reasons = [f"{shared}: images {pattern}, labels {', '.join(labels)}."]
    lost = [label for label in inventory.labels if label not in owners]
    if lost:
        shown = ", ".join(printable(label) for label in lost[:3]) + (", ..." if len(lost) > 3 else "")
        reasons.append(f"No image belongs to {len(lost)} of {len(inventory.labels)} labels: {shown}.")
    for pattern, units in labels.items():
        described, why = _described(inventory, pattern, units)
        fields["labels"].append(described)
        reasons.extend(why)
    return Finding(fields, reasons)


def _owners(images: Sequence[str], labels: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The image of each label that has one, and the study both are of."""
    if len(images) == 1 and not _same_study(images, labels):
        # One image only: all labels are of it, and no variable is needed.
        return dict.fromkeys(labels, (images[0], ""))
    stems = {stem_of(label) for label in labels}
    # Of several channels the first stands for the study.
    studies = {_study_of(image, stems): image for image in reversed(images)}
    by_words = {_bare(study): (study, image) for study, image in studies.items()}
    owners = {}
    for label in labels:
        stem = stem_of(label)
        study = _longest_start(stem, studies)
        if study is not None:
            owners[label] = (studies[study], study)
            continue
        found = by_words.get(_bare(stem))
        if found is not None:
            owners[label] = (found[1], _common_text(stem_of(found[1]), stem))
    return owners


def _same_study(images: Sequence[str], labels: Sequence[str]) -> bool:
    stems = {stem_of(label) for label in labels}
    study = _study_of(images[0], stems)
    return all(stem.startswith(study) or _bare(stem) == _bare(study) for stem in stems)


def _study_of(image: str, labels: Container[str]) -> str:
    """The stem of an image, without the number of its channel where the labels have none."""
    stem = stem_of(image)
    short = NUMBERED.sub("", stem)
    return short if short in labels and stem not in labels else stem


def _longest_start(stem: str, studies: Container[str], longest: int | None = None) -> str | None:
    """The longest study, of at most so many characters, that the stem begins with, up to the end of a word."""
    for end in range(len(stem) if longest is None else longest, 0, -1):
        if stem[:end] in studies and (end == len(stem) or not stem[end].isalnum()):
            return stem[:end]
    return None


def _bare(stem: str) -> str:
    """A stem without the words for image and label."""
    kept = [word for word in re.split(r"[^a-z0-9]+", stem.lower()) if word and word not in IMAGE_WORDS]
    return "_".join(word for word in kept if not (word.isalpha() and LABEL_WORDS.search(word)))


def _common_text(first: str, second: str) -> str:
    """The longest text that both begin or end with, without separators at its ends."""
    start = "".join(common_start([first, second]))
    end = "".join(common_start([first[::-1], second[::-1]]))[::-1]
    return max(start, end, key=len).strip("_-. ")


def _in_folders(unit: str) -> str:
    """The folder of a unit as a pattern: train, val and test stand for any."""
    steps = folder_of(unit).split("/")[:-1]
    return "".join("{any}/" if step.lower() in SPLIT_FOLDERS else f"{step}/" for step in steps)


def _image_pattern(image: str, study: str) -> Pattern:
    name = last_step(image)
    return _in_folders(image) + (name.replace(study, "{study}", 1) if study else name)


def _label_pattern(label: str, study: str) -> Pattern:
    stem, ending = split_name(last_step(label))
    return _in_folders(label) + (stem.replace(study, "{study}", 1) if study else stem) + ending


def _folded(labels: Mapping[Pattern, list[str]]) -> dict[Pattern, list[str]]:
    """Patterns that differ in what follows the study become one: a target, an instance, or both."""
    tails: dict[tuple[str, str], dict[str, list[str]]] = {}
    folded: dict[Pattern, list[str]] = {}
    for pattern, units in labels.items():
        if "{study}" not in pattern:
            folded[pattern] = units
            continue
        stem, ending = split_name(pattern)
        before, _, tail = stem.partition("{study}")
        tails.setdefault((before, ending), {})[tail] = units
    for (before, ending), group in tails.items():
        shape = _tail_of(list(group)) if len(group) > 1 else next(iter(group))
        units = [unit for some in group.values() for unit in some]
        folded[f"{before}{{study}}{shape}{ending}"] = units
    return folded


def _tail_of(tails: Iterable[str]) -> str:
    if all(re.fullmatch(r"[_-]\d+", tail) for tail in tails):
        return "_{instance}"
    if all(re.fullmatch(r"_.+_\d+", tail) for tail in tails):
        return "_{target}_{instance}"
    return "_{target}"


def _described(inventory: Inventory, pattern: Pattern, units: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    encoding = dict(inventory.dicom_labels).get(units[0])
    if encoding:
        return {"path": pattern, "encoding": encoding}, [f"{pattern}: {encoding} names its own targets."]
    if "{target}" in pattern or "{instance}" in pattern:
        targets = "" if "{target}" in pattern else "foreground"
        kind = "instances" if "{instance}" in pattern else "files"
        reason = f"{pattern}: one file {'an object' if kind == 'instances' else 'a target'}."
        if targets:
            reason = f"{reason[:-1]}; write what it is into the field target."
        return {"path": pattern, "encoding": kind} | ({"target": targets} if targets else {}), [reason]
    return describe_labels(inventory.root, units, pattern)


def _channels(inventory: Inventory, pattern: Pattern) -> str | dict[str, str]:
    """The image pattern, or one a channel where nnU-Net's numbers are in the names."""
    numbered = re.compile(r"(?<=\{study\}_)\d{4}(?=\.)")
    if not numbered.search(pattern):
        return pattern
    start = pattern.split("{study}")[0]
    found = [_number(unit) for unit in inventory.images if unit.startswith(start)]
    numbers = sorted({number for number in found if number})
    if len(numbers) < 2:
        return pattern
    patterns = [numbered.sub(number, pattern) for number in numbers]
    return dict(zip(channel_names(patterns), patterns, strict=True))


def _number(unit: str) -> str:
    found = re.search(r"_(\d{4})$", stem_of(unit))
    return found[1] if found else ""


def _generalised(units: Sequence[str]) -> Pattern:
    """The pattern of units that are all images: their name is the study."""
    _, ending = split_name(last_step(units[0]))
    folders = {folder_of(unit) for unit in units}
    if len(units) == 1:
        return units[0]
    if len(folders) == 1:
        return f"{folders.pop()}{{study}}{ending}"
    depths = {folder.count("/") for folder in folders}
    if len(depths) > 1:
        message = "the images lie at different depths; give a folder where they do not, or write a recipe."
        raise BadRecipe(message)
    return "{patient}/" + "{any}/" * (depths.pop() - 1) + f"{{study}}{ending}"


def only_images(inventory: Inventory) -> Finding | None:
    """Images without labels."""
    if inventory.labels:
        return None
    series = [unit for unit in inventory.units if unit.endswith("/")]
    if series:
        pattern = "./" if series == ["./"] else "{study}/"
        what = "this folder is" if pattern == "./" else "each sub-folder holds"
        return Finding({"images": pattern}, [f"DICOM files and no labels: {what} one or more series."])
    endings = {split_name(last_step(unit))[1] for unit in inventory.units}
    if len(endings) > 1:
        message = (
            f"{printable(inventory.root)}: images of several kinds ({', '.join(sorted(endings))}) and no "
            "labels; write a recipe that names one pattern, or split the folder."
        )
        raise BadRecipe(message)
    _refuse_hidden_labels(inventory)
    return Finding({"images": _generalised(inventory.units)}, ["Images and no labels."])


def _refuse_hidden_labels(inventory: Inventory) -> None:
    """Refuses images of which some may be labels of the others, though no word says so."""
    stems = Counter(stem_of(unit) for unit in inventory.units)
    twins = [stem for stem, count in stems.items() if count > 1]
    longer = [stem for stem in stems if _longest_start(stem, stems, len(stem) - 1)]
    if 2 * len(twins) < len(stems) and 2 * len(longer) < len(stems):
        return
    example = (twins or longer)[0]
    message = (
        f"{printable(inventory.root)}: several files share the name of {example!r}; some may be labels of others, "
        "but no word in their paths says which; write a recipe with a pattern for images and one for labels."
    )
    raise BadRecipe(message)
