"""What the names leave open and the contents tell: values of labels, modality, whose slice it is."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from imedbench.errors import BadInput
from imedbench.layout.inventory import LABEL_WORDS, stem_of
from imedbench.layout.names import names_within
from imedbench.recipe import MODALITIES, MODALITY_SYNONYMS
from imedbench.targets import Vocabulary

SAMPLED = 16
"""Label files that are read to learn the values in use."""
FEW_VALUES = 64
MOST_VALUES = 1024
MODALITY_WORDS = {**{name: name for name in MODALITIES if name != "us"}, **MODALITY_SYNONYMS, "us": "us", "oct": "oct"}


def modality_in(names: Iterable[str]) -> str:
    """The modality that the words of these names agree on; of several kinds of MR, mr; else nothing."""
    said = {MODALITY_WORDS[word] for name in names for word in _modality_words(name) if word in MODALITY_WORDS}
    if len(said) > 1 and all(one.startswith("mr") for one in said):
        return "mr"
    return said.pop() if len(said) == 1 else ""


def _modality_words(name: str) -> list[str]:
    apart = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())
    return [*apart, name.strip().lower()]


def patient_rule(studies: Sequence[str]) -> str:
    """The rule that keeps slices together where all are called ``<patient>_12`` or ``<patient>_z12``; or nothing."""
    rule = r"^(?P<patient>.*\d.*)[_-](?:[xyz]|s|sl|slice|f|frame)?\d+$"
    found = [re.search(rule, study) for study in studies]
    owners = {one["patient"] for one in found if one}
    return rule if all(found) and len(owners) > 1 else ""


def looks_like_label(path: Path) -> bool:
    """Whether a volume or picture holds only a few whole numbers from 0 up, 0 most of all."""
    import numpy as np

    from imedbench.io.labels import load_label

    try:
        voxels = load_label(path).voxels
    except BadInput:
        return False
    values, counts = np.unique(voxels, return_counts=True)
    whole = bool((values == np.rint(values)).all())
    return whole and len(values) <= FEW_VALUES and values[0] == 0 and int(counts.argmax()) == 0


def describe_labels(root: Path, units: Sequence[str], pattern: str) -> tuple[dict[str, Any], list[str]]:
    """The fields of a recipe's labels for map files at ``pattern``, and the sentences that say why.

    Args:
        root: the source folder.
        units: the label files that fit the pattern.
        pattern: of their paths.

    Raises:
        BadInput: no label can be read, or what one holds is no label.
    """
    sample = [unit for unit in _spread(units) if _is_sound(root / unit)] or [units[0]]
    if all(names_within(root / unit) for unit in sample):
        return {"path": pattern}, [f"{pattern}: the files themselves name their values."]
    found = _values_of([root / unit for unit in sample])
    colours = set[str]().union(*(some for some, _ in found))
    values = set[int]().union(*(some for _, some in found))
    told = (
        f"in {len(sample)} of {len(units)} files"
        if len(sample) < len(units)
        else f"in {len(units)} {'file' if len(units) == 1 else 'files'}"
    )
    if colours:
        names = {colour: f"colour {colour}" for colour in sorted(colours)}
        reason = f"{pattern}: {len(colours)} colours {told}; write what they mean into names."
        return {"path": pattern, "encoding": "colours", "names": names}, [reason]
    values.discard(0)
    if len(values) <= 1:
        return _single(pattern, values, told)
    shown = ", ".join(str(value) for value in sorted(values)[:8]) + (", ..." if len(values) > 8 else "")
    reason = f"{pattern}: a label map with the values {shown} {told}; write what they mean into names."
    return {"path": pattern, "names": {value: f"label {value}" for value in sorted(values)}}, [reason]


def _single(pattern: str, values: set[int], told: str) -> tuple[dict[str, Any], list[str]]:
    """One value besides 0: the mask of one target, which its path may name."""
    vocabulary = Vocabulary.load()
    free = re.sub(r"\{[a-z]+\}", " ", pattern)
    stem = stem_of(free)
    candidates = [stem, LABEL_WORDS.sub(" ", stem.lower()), *LABEL_WORDS.sub(" ", free.lower()).split("/")]
    known = [target for text in candidates if (target := vocabulary.resolve(text))]
    value = f" {max(values)}" if values else ""
    if known:
        reason = f"{pattern}: one value{value} {told}, and the path says {known[0].name}."
        return {"path": pattern, "encoding": "files", "target": known[0].name}, [reason]
    reason = f"{pattern}: one value{value} {told}; write what it is into the field target."
    return {"path": pattern, "encoding": "files", "target": "foreground"}, [reason]


def _is_sound(path: Path) -> bool:
    """Whether a label can be read; the others are for the build to report."""
    from imedbench.io.labels import load_label

    try:
        load_label(path)
    except BadInput:
        return False
    return True


def _values_of(paths: Sequence[Path]) -> list[tuple[set[str], set[int]]]:
    """What `_present` says of each; a label that is none is for the build to report, unless all are such."""
    found, failure = [], None
    for path in paths:
        try:
            found.append(_present(path))
        except BadInput as problem:
            failure = problem
    if failure is not None and not found:
        raise failure
    return found


def _present(path: Path) -> tuple[set[str], set[int]]:
    """The colours of a colour-coded picture, or the values of a label map."""
    import numpy as np

    from imedbench.io.labels import load_label

    label = load_label(path)
    voxels = label.voxels
    if len(label.channels) >= 3 and voxels.dtype == np.uint8:
        flat = np.unique(voxels.reshape(-1, voxels.shape[-1])[:, :3], axis=0)
        if (flat != flat[:, :1]).any():
            return _colours(path, [tuple(int(part) for part in colour) for colour in flat]), set()
    if len(label.channels) > 1:
        voxels = voxels[..., 0]
    values = np.unique(voxels)
    parts = values[values != np.rint(values)]
    if len(parts) or len(values) > MOST_VALUES:
        what = f"such as {parts[0]:g}" if len(parts) else "more than a label map has"
        fact = f"holds {len(values)} different values, {what}, so it is no label map"
        raise BadInput(path, fact, "write a recipe that says what the labels are")
    return set(), {int(value) for value in values}


def _colours(path: Path, colours: Sequence[tuple[int, ...]]) -> set[str]:
    if len(colours) > FEW_VALUES:
        fact = f"holds {len(colours)} colours, too many for a colour-coded label (a lossy format, perhaps)"
        raise BadInput(path, fact, "write a recipe that says what the labels are")
    named = {"#{:02x}{:02x}{:02x}".format(*colour) for colour in colours}
    return named - {"#000000"}


def _spread(units: Sequence[str]) -> list[str]:
    """Some of these, evenly from the first to the last."""
    count = min(SAMPLED, len(units))
    return [units[round(index * (len(units) - 1) / max(1, count - 1))] for index in range(count)]


def channel_names(patterns: Sequence[str]) -> list[str]:
    """A short name for each of several patterns: the words that not all of them have."""
    apart = [re.findall(r"[a-z0-9]+", re.sub(r"\{[a-z]+\}", " ", stem_of(pattern)).lower()) for pattern in patterns]
    shared = set(apart[0]).intersection(*apart[1:])
    names = ["_".join(word for word in group if word not in shared) for group in apart]
    return names if len(set(names)) == len(names) else [str(number) for number in range(len(names))]
