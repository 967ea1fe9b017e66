"""From a folder and a recipe to the studies in it; no voxel is read."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from imedbench.errors import BadInput, BadRecipe, printable
from imedbench.layout.inventory import check_folder
from imedbench.layout.pattern import Found, Tree, variables
from imedbench.recipe import Recipe
from imedbench.recipe_fields import Labels, ListedStudy

if TYPE_CHECKING:
    from imedbench.io import Series

IDENTITY = ("patient", "session", "study")
"""The variables that say which study a file is of, outermost first."""
NOBODY = re.compile(r"\W*|0+|anon(ymous|ymi[sz]ed)?|none|unknown|no.?id|patient", re.IGNORECASE)
"""What anonymisers write for every patient's ID."""
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LabelFile:
    """A file with truth for a study."""

    path: Path
    target: str = ""
    """Where a file holds one target: its name, as the recipe gives it."""
    instance: int = 0
    """Where a file holds one object: its number, from 1."""
    source: int = 0
    """Index of the entry of `Recipe.labels` that says how to read it."""


@dataclass(frozen=True, slots=True)
class Study:
    """The files of one examination."""

    id: str
    """Unique in the source."""
    patient: str
    """Whose it is; all studies of a patient go into one split."""
    images: tuple[Path, ...]
    """A file or a DICOM folder; several files where each channel is one."""
    labels: tuple[LabelFile, ...] = ()
    interactive: Path | None = None
    """Published interactive masks."""
    modality: str = ""
    """Where it differs from the recipe's."""
    series: "Series | None" = None
    """Which series of the folder, where it holds several."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A study that cannot be used, and why."""

    study: str
    path: str
    error: str


@dataclass(slots=True)
class _Gathered:
    """What was found of a study so far."""

    values: Mapping[str, str]
    images: dict[str, list[str]] = field(default_factory=dict)
    """By channel; more than one is a mistake."""
    labels: list[LabelFile] = field(default_factory=list)
    interactive: list[str] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        """Of all its images."""
        return [path for paths in self.images.values() for path in paths]


def find_studies(source: Path, recipe: Recipe) -> Iterator[Study | Problem]:
    """The studies below ``source``, and those that cannot be used, in order of their id.

    Raises:
        BadRecipe: the recipe does not fit the folder at all.
    """
    check_folder(source)
    tree = Tree(source)
    found = _listed(tree, recipe) if recipe.studies else _matched(tree, recipe)
    checked = list(_once(sorted(found, key=_name)))
    checked.extend(
        Problem(
            "", printable(source / folder), f"{printable(source / folder)}: the folder cannot be listed ({reason})."
        )
        for folder, reason in sorted(tree.failures.items())
    )
    if not checked:
        looked_for = ", ".join(f"`{pattern}`" for pattern in recipe.images.values())
        message = (
            f"{printable(source)}: recipe {recipe.name} finds no image here (it looks for {looked_for}); "
            "give the folder that this path begins in, or correct the recipe."
        )
        raise BadRecipe(message)
    yield from checked


def _name(found: Study | Problem) -> str:
    return found.id if isinstance(found, Study) else found.study


def _once(found: Iterable[Study | Problem]) -> Iterator[Study | Problem]:
    """The same, with a problem in place of a second study of the same id."""
    last = None
    for one in found:
        if isinstance(one, Study) and last == one.id:
            path = printable(one.images[0])
            fact = f"{path}: a second image of the study {one.id}; tell them apart in the recipe's pattern."
            yield Problem(one.id, path, fact)
        else:
            yield one
        last = one.id if isinstance(one, Study) else last


def _matched(tree: Tree, recipe: Recipe) -> Iterator[Study | Problem]:
    keys = _identity(recipe)
    gathered = _images(tree, recipe, keys)
    names = {one.values["study"] for one in gathered.values()} if "study" in keys else None
    patterns = [(index, labels.path) for index, labels in enumerate(recipe.labels)]
    if recipe.interactive:
        patterns.append((-1, recipe.interactive))
    taken = {path for one in gathered.values() for path in one.paths}
    for index, pattern in patterns:
        for found in tree.matches(pattern, names):
            one = gathered.get(tuple(found.values.get(key, "") for key in keys))
            if one is None or (found.path in one.paths and pattern not in recipe.images.values()):
                continue
            taken.add(found.path)
            if index < 0:
                one.interactive.append(found.path)
            else:
                one.labels.append(_label_file(tree, found, index, recipe.labels[index]))
    yield from _orphans(tree, recipe, taken)
    for key, one in gathered.items():
        yield from _study(tree, recipe, _id_of(key) or recipe.name, one)


def _identity(recipe: Recipe) -> tuple[str, ...]:
    """The variables that tell studies apart, which every pattern of the recipe must have.

    Raises:
        BadRecipe: a pattern lacks one, or has one that the images' lack.
    """
    first, *others = [*recipe.images.values(), *(labels.path for labels in recipe.labels), recipe.interactive]
    keys = [key for key in IDENTITY if key in variables(first)]
    for pattern in filter(None, others):
        its = [key for key in IDENTITY if key in variables(pattern)]
        if its != keys:
            told = ", ".join(f"{{{key}}}" for key in keys) or "none of {study}, {session}, {patient}"
            message = f"recipe {recipe.name}: the pattern {pattern!r} must hold {told}, as that of the images does."
            raise BadRecipe(message)
    return tuple(keys)


def _images(tree: Tree, recipe: Recipe, keys: tuple[str, ...]) -> dict[Key, _Gathered]:
    """The images by what their variables say, without the files that are labels of another image."""
    gathered: dict[Key, _Gathered] = {}
    for channel, pattern in recipe.images.items():
        for found in tree.matches(pattern):
            key = tuple(found.values[name] for name in keys)
            gathered.setdefault(key, _Gathered(found.values)).images.setdefault(channel, []).append(found.path)
    patterns = {*(labels.path for labels in recipe.labels), recipe.interactive} - {*recipe.images.values(), ""}
    paths = {path: key for key, one in gathered.items() for path in one.paths}
    for pattern in sorted(patterns):
        # `{study}.nrrd` fits brain_label.nrrd too; it is a label where brain.nrrd is there.
        for found in tree.matches(pattern):
            owner = paths.get(found.path)
            if owner is not None and tuple(found.values.get(name, "") for name in keys) in gathered.keys() - {owner}:
                gathered.pop(owner, None)
    return gathered


def _label_file(tree: Tree, found: Found, index: int, labels: Labels) -> LabelFile:
    text = found.values.get("target", "")
    target = labels.names.get(text, text) if text else labels.target
    return LabelFile(tree.root / found.path, target, int(found.values.get("instance", 0)), index)


def _orphans(tree: Tree, recipe: Recipe, taken: set[str]) -> Iterator[Problem]:
    """Label files that belong to no image."""
    images = set(recipe.images.values())
    lost: dict[str, str] = {}
    for pattern in dict.fromkeys(labels.path for labels in recipe.labels):
        if pattern in images or "{study}" not in pattern:
            continue
        for found in tree.matches(pattern):
            if found.path not in taken:
                lost.setdefault(found.path, found.values["study"])
    for path, study in lost.items():
        shown = printable(tree.root / path)
        yield Problem(study, shown, f"{shown}: no image belongs to this label; add the image, or remove the label.")


def _study(tree: Tree, recipe: Recipe, name: str, one: _Gathered) -> Iterator[Study | Problem]:
    """The study of these files, or what is wrong with them."""
    first = tree.root / one.paths[0]
    fault = _fault(recipe, one)
    if fault:
        yield _problem(name, first, *fault)
        return
    owner = _patient(recipe, name, one.values.get("patient", name))
    if owner is None:
        fact = f"the recipe's rule finds no patient in {name!r}, so that nobody can tell whose study it is"
        yield _problem(name, first, fact, "correct the recipe's field patient")
        return
    images = tuple(tree.root / one.images[channel][0] for channel in recipe.images)
    interactive = tree.root / one.interactive[0] if one.interactive else None
    labels = tuple(sorted(one.labels, key=lambda label: (label.source, label.path)))
    study = Study(name, owner, images, labels, interactive)
    if next(iter(recipe.images.values())).endswith("/"):
        yield from _series(study, told=bool(recipe.patient) or "patient" in one.values)
    else:
        yield study


def _fault(recipe: Recipe, one: _Gathered) -> tuple[str, str] | None:
    """What a study lacks or has too much of, and the remedy."""
    if any(printable(path) != path for path in (*one.paths, *(str(label.path) for label in one.labels))):
        return "the name is not UTF-8, so that no index can hold it", "rename the file"
    lacking = [channel for channel in recipe.images if channel not in one.images]
    if lacking:
        return f"the channel {', '.join(lacking)} has no file", "add it, or remove the study"
    twice = next((paths for paths in one.images.values() if len(paths) > 1), None)
    if twice:
        return f"{printable(twice[1])} is an image of the same study", "tell them apart in the recipe's pattern"
    sources = Counter(label.source for label in one.labels)
    bare = [labels.path for index, labels in enumerate(recipe.labels) if not sources[index] and not labels.optional]
    if bare:
        remedy = "add it, remove the image, or write `optional: true` in the recipe's labels"
        return f"no label file belongs to this image (looked for {' and '.join(bare)})", remedy
    for index, labels in enumerate(recipe.labels):
        if sources[index] > 1 and not {"target", "instance"} & set(variables(labels.path)):
            return f"{sources[index]} files fit {labels.path} for this study", "keep one, or make the pattern narrower"
    return None


def _problem(name: str, path: Path, fact: str, remedy: str) -> Problem:
    return Problem(printable(name), printable(path), str(BadInput(path, fact, remedy)))


def _id_of(key: Key) -> str:
    """The values that name a study joined by ``_``, without those that a later one holds already."""
    kept = [
        value
        for index, value in enumerate(key)
        if not any(re.search(rf"(^|[_-]){re.escape(value)}([_-]|$)", later) for later in key[index + 1 :])
    ]
    return "_".join(kept)


def _patient(recipe: Recipe, study: str, patient: str) -> str | None:
    if not recipe.patient:
        return patient
    found = re.search(recipe.patient, study)
    return found["patient"] if found else None


def _series(study: Study, *, told: bool) -> Iterator[Study | Problem]:
    """The study of a DICOM folder; where it holds several series, one study for each.

    Unless the recipe has told whose it is, the header does: two scans of a patient must not part.
    """
    from imedbench.io import series_in

    folder = study.images[0]
    try:
        found = series_in(folder)
    except BadInput as problem:
        yield Problem(study.id, printable(folder), str(problem))
        return
    scans = [series for series in found if not series.localizer] or found
    owners = set() if told else {one.patient_id for one in scans if not NOBODY.fullmatch(one.patient_id)}
    owner = next(iter(owners)) if len(owners) == 1 else ""
    if len(scans) < 2:
        # An empty folder is refused by the reader, which knows best what to say.
        yield replace(study, patient=owner) if owner else study
        return
    homes = [{path.parent for path in series.paths} for series in scans]
    for series, home in zip(scans, homes, strict=True):
        # The end of the UID tells series of one description apart, and stays when others are added.
        said = re.sub(r"\W+", "-", series.description).strip("-").lower() or "series"
        patient = owner or (series.patient_id if series.patient_id in owners else study.patient)
        part = replace(study, patient=patient, id=f"{study.id}_{said}_{series.uid[-8:]}".rstrip("_"))
        if len(home) == 1 and sum(home == other for other in homes) == 1:
            yield replace(part, images=(next(iter(home)),))
        else:
            yield replace(part, series=series)


def _listed(tree: Tree, recipe: Recipe) -> Iterator[Study | Problem]:
    for listed in recipe.studies:
        paths = [tree.root / path for path in (*listed.images, *listed.labels)]
        absent = [path for path in paths if not path.exists()]
        if absent:
            yield _problem(listed.id, absent[0], "the recipe lists this file and it is not there", "correct the list")
        else:
            yield _of_list(tree, recipe, listed)


def _of_list(tree: Tree, recipe: Recipe, listed: ListedStudy) -> Study | Problem:
    images = tuple(tree.root / path for path in listed.images)
    owner = listed.patient or _patient(recipe, listed.id, listed.id)
    if owner is None:
        return _problem(listed.id, images[0], "the recipe's rule finds no patient in its id", "give it a patient")
    labels = tuple(
        LabelFile(tree.root / path, recipe.labels[min(index, len(recipe.labels) - 1)].target, source=index)
        for index, path in enumerate(listed.labels)
    )
    return Study(listed.id, owner, images, labels, None, listed.modality)
