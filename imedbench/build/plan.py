"""What a build will do, fixed before it starts: which studies go into which part, and in which bites.

The plan is kept beside the store. A build that is started again follows it; studies that were not there before come in
new parts behind the old ones, so nothing finished is ever done again or changed.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from imedbench.build.standardise import Plane, planes_of
from imedbench.errors import BadInput, BadRecipe, BadStore
from imedbench.io import Header
from imedbench.layout import Problem, Study, find_studies, peek_study
from imedbench.recipe import Recipe

IMAGES_PER_PART = 2048
IMAGES_PER_TASK = 8


@dataclass(frozen=True, slots=True)
class Source:
    """A folder of raw studies and the recipe that reads it."""

    folder: Path
    recipe: Recipe

    def study_name(self, study: Study) -> str:
        """The name of a study in a store of several sources."""
        return f"{self.recipe.name}/{study.id}"


@dataclass(frozen=True, slots=True)
class Bite:
    """Some planes of one study (none for a picture): the least that is worked on at a time."""

    source: int
    """Index of the source."""
    study: str
    first: int = 0
    last: int = 0
    """Planes ``first`` to ``last`` (exclusive) of the study's list of planes."""

    @property
    def images(self) -> int:
        """How many pictures it can give."""
        return max(1, self.last - self.first)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the store: its tasks, each a list of bites."""

    number: int
    tasks: tuple[tuple[Bite, ...], ...]

    @property
    def images(self) -> int:
        """How many pictures it can give."""
        return sum(bite.images for task in self.tasks for bite in task)


@dataclass(frozen=True, slots=True)
class Found:
    """A study on disk that can be planned for."""

    source: int
    study: Study
    images: int
    """Pictures it can give: its planes, or 1."""
    planes: int
    """0 for a picture."""
    nbytes: int
    """Of its voxels."""


@dataclass(slots=True)
class Plan:
    """Parts with their tasks, the studies they name, and the studies that were refused at sight."""

    parts: list[Part]
    studies: dict[tuple[int, str], Found]
    problems: list[dict[str, str]] = field(default_factory=list)

    @property
    def images(self) -> int:
        """Pictures in all, before any filter."""
        return sum(part.images for part in self.parts)


def planes_in(header: Header, recipe: Recipe) -> list[Plane]:
    """The planes that a recipe takes from an image of this header; none from a picture."""
    if len(header.shape) == 2:
        return []
    return planes_of(header.shape, recipe.slices.axes, recipe.slices.every)


def survey(sources: Sequence[Source]) -> Iterator[Found | Problem]:
    """Every study of the sources, by its headers alone, in order of its id within each source."""
    for number, source in enumerate(sources):
        for study in find_studies(source.folder, source.recipe):
            if isinstance(study, Problem):
                yield replace(study, study=f"{source.recipe.name}/{study.study}")
                continue
            try:
                header = peek_study(study)
            except BadInput as problem:
                yield Problem(source.study_name(study), problem.path, str(problem))
                continue
            planes = len(planes_in(header, source.recipe))
            yield Found(number, study, max(1, planes), planes, header.nbytes * len(study.images))


def make_plan(
    found: Iterable[Found | Problem],
    earlier: Sequence[Part] = (),
    failed: Mapping[tuple[int, str], float] = MappingProxyType({}),
) -> Plan:
    """Parts for all studies: the earlier ones as they were, then new ones for what they do not hold.

    Args:
        found: by `survey`.
        earlier: parts of an earlier run.
        failed: studies that finished parts had to leave out, by source and id, and when they did, in seconds since the
            epoch. They are tried again, in new parts, if a file of theirs has changed since.
    """
    plan = Plan(list(earlier), {})
    known = {(bite.source, bite.study) for part in earlier for task in part.tasks for bite in task}
    fresh: list[Found] = []
    for study in found:
        if isinstance(study, Problem):
            plan.problems.append(asdict(study))
            continue
        key = study.source, study.study.id
        plan.studies[key] = study
        if key not in known or (key in failed and _changed(study.study, failed[key])):
            fresh.append(study)
    plan.parts.extend(_parts(fresh, first=len(earlier)))
    return plan


def _changed(study: Study, since: float) -> bool:
    """Whether a file of the study was written or put in its place after this time."""
    paths = [*study.images, *(label.path for label in study.labels)]
    files = (file for path in paths for file in (path.rglob("*") if path.is_dir() else (path,)))
    # A copy keeps the time of its contents; the time of its place is new.
    return any(file.stat().st_ctime > since for file in files)


def _parts(studies: Sequence[Found], first: int) -> Iterator[Part]:
    held: list[Found] = []
    number, images = first, 0
    for study in studies:
        if held and images + study.images > IMAGES_PER_PART:
            yield Part(number, tuple(_tasks(held)))
            number, held, images = number + 1, [], 0
        held.append(study)
        images += study.images
    if held:
        yield Part(number, tuple(_tasks(held)))


def _tasks(studies: Sequence[Found]) -> Iterator[tuple[Bite, ...]]:
    task: list[Bite] = []
    for bite in (bite for study in studies for bite in _bites(study)):
        if task and sum(one.images for one in task) + bite.images > IMAGES_PER_TASK:
            yield tuple(task)
            task = []
        task.append(bite)
    if task:
        yield tuple(task)


def _bites(found: Found) -> Iterator[Bite]:
    for first in range(0, max(1, found.planes), IMAGES_PER_TASK):
        yield Bite(found.source, found.study.id, first, min(first + IMAGES_PER_TASK, found.planes))


def digest_of(sources: Sequence[Source], settings: dict[str, object]) -> str:
    """SHA-256 of everything besides the data that decides what a build makes."""
    recipes = [source.recipe.digest() for source in sources]
    return hashlib.sha256(json.dumps([recipes, settings], sort_keys=True).encode()).hexdigest()


def save_plan(path: Path, plan: Plan, digest: str) -> None:
    """Writes the parts; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    parts = [
        [[(bite.source, bite.study, bite.first, bite.last) for bite in task] for task in part.tasks]
        for part in plan.parts
    ]
    unfinished.write_text(json.dumps({"digest": digest, "parts": parts}))
    unfinished.replace(path)


def load_parts(path: Path, digest: str) -> list[Part]:
    """The parts of an earlier run; none where there was none.

    Raises:
        BadStore: the earlier run had other recipes or settings.
    """
    if not path.exists():
        return []
    plan = json.loads(path.read_text())
    if plan["digest"] != digest:
        message = (
            f"{path.parent.parent}: this store was begun with other recipes or settings; "
            "repeat the command it was begun with, or choose another --out."
        )
        raise BadStore(message)
    return [
        Part(number, tuple(tuple(Bite(*bite) for bite in task) for task in tasks))
        for number, tasks in enumerate(plan["parts"])
    ]


def check_sources(sources: Sequence[Source]) -> None:
    """Refuses sources that could not share one store.

    Raises:
        BadRecipe: two sources have the same name.
    """
    names = [source.recipe.name for source in sources]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f"two sources are both called {', '.join(twice)}; give each recipe a name of its own."
        raise BadRecipe(message)
