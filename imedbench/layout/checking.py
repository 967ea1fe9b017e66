"""A source folder held against its recipe, by names and headers alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imedbench.errors import BadInput, printable
from imedbench.layout.reading import peek_study
from imedbench.layout.studies import Problem, Study, find_studies
from imedbench.recipe import Recipe
from imedbench.targets import Vocabulary


@dataclass(frozen=True, slots=True)
class CheckedStudy:
    """A study whose headers are sound."""

    study: Study
    shape: tuple[int, ...]
    """Of its image."""
    spacing_mm: tuple[float, ...]


def check_source(source: Path, recipe: Recipe) -> Iterator[CheckedStudy | Problem]:
    """Every study, its headers read, or what is wrong with it.

    Raises:
        BadRecipe: the recipe does not fit the folder at all.
    """
    for found in find_studies(source, recipe):
        if isinstance(found, Problem):
            yield found
            continue
        try:
            yield _checked(found, recipe)
        except BadInput as problem:
            yield Problem(found.id, problem.path, str(problem))


def unknown_names(recipe: Recipe) -> list[str]:
    """Names in a recipe that the vocabulary has no target for and that the recipe does not declare as outside it."""
    vocabulary = Vocabulary.load()
    return [name for name in recipe.targets if vocabulary.resolve(name) is None and name not in recipe.outside]


def _checked(study: Study, recipe: Recipe) -> CheckedStudy:
    from imedbench.io import peek

    header = peek_study(study)
    if len(header.shape) != recipe.dimension:
        fact = f"is {len(header.shape)}-dimensional where recipe {recipe.name} says {recipe.dimension}"
        raise BadInput(study.images[0], fact, "correct the field dimension, or leave the study out")
    with_grid = {index for index, one in enumerate(recipe.labels) if one.encoding in {"map", "files", "instances"}}
    others = [*study.images[1:], *(label.path for label in study.labels if label.source in with_grid)]
    for path in others:
        if path == study.images[0]:
            continue
        shape = peek(path).shape
        if shape != header.shape:
            fact = f"has the grid {shape} where {printable(study.images[0].name)} has {header.shape}"
            raise BadInput(path, fact, "pair it with its own image, or resample it")
    return CheckedStudy(study, header.shape, header.spacing_mm)
