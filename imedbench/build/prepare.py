"""One study becomes records of the store: read, named, cut, filtered, masked. No state, no files written."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from imedbench.build.filters import (
    ASPECT,
    BARE,
    SMALL,
    SMALL_INSTANCE,
    SMALL_INTERACTIVE,
    drop_small,
    too_long,
)
from imedbench.build.granularity import correct
from imedbench.build.instances import split_instances
from imedbench.build.proposals import ProposalSettings, propose
from imedbench.build.splits import split_of
from imedbench.build.standardise import Layers, Plane, cut_planes, planes_of, upright
from imedbench.layout import Study, read_study
from imedbench.masks import Masks
from imedbench.recipe import Recipe
from imedbench.store import Record
from imedbench.targets import OTHER, Vocabulary
from imedbench.types import Case, Image
from imedbench.window import Window, to_8bit, window_of

if TYPE_CHECKING:
    from imedbench.models.base import Model


@dataclass(frozen=True, slots=True, eq=False)
class _Opened:
    """A study that was read, under the vocabulary's names."""

    image: Image
    truth: Masks
    regions: Masks | None
    window: Window
    layers: Layers | None
    """None for a picture."""
    strangers: Counter[str]


@dataclass(frozen=True, slots=True)
class _Reading:
    """What decides what a study reads as."""

    study: Study
    digest: str
    recipe: Recipe = field(compare=False)


@lru_cache(maxsize=1)
def _open(reading: _Reading) -> _Opened:
    """Reads a study; the last one is kept, since the next task most often wants other planes of it."""
    image, truth, regions = read_study(reading.study, reading.recipe)
    truth, strangers = renamed(truth)
    layers = Layers.of(truth) if len(image.grid) == 3 else None
    return _Opened(image, truth, regions, window_for(image, reading.recipe), layers, strangers)


def renamed(masks: Masks) -> tuple[Masks, Counter[str]]:
    """The masks under the vocabulary's names, and the names that it does not have.

    Whole masks that now share a name become one; masks without a name are to be ignored.
    """
    vocabulary = Vocabulary.load()
    strangers: Counter[str] = Counter()
    groups: dict[tuple[str, int], list[int]] = {}
    for index, info in enumerate(masks.infos):
        if not info.target:
            continue
        target = vocabulary.place(info.target)
        if target.group == OTHER:
            strangers[target.name] += 1
        groups.setdefault((target.name, info.instance), []).append(index)
    merged = []
    for (name, _), indices in groups.items():
        info = replace(masks.infos[indices[0]], target=name)
        alone = masks.select(indices)
        if len(indices) > 1:
            alone = Masks.from_dense([np.logical_or.reduce(list(alone))], [info])
        merged.append(alone.with_infos([info]))
    return Masks.concatenate(merged) if merged else Masks.empty(masks.shape), strangers


def window_for(image: Image, recipe: Recipe) -> Window:
    """The intensities that become 0 and 255, by the recipe; 8-bit pictures stay as they are."""
    rule = recipe.window
    if rule == "full" and image.voxels.dtype == np.uint8:
        return 0.0, 255.0
    if isinstance(rule, str | tuple):
        return window_of(image, rule)
    return window_of(image, "full", rule.percentile)


@dataclass(frozen=True, slots=True, eq=False)
class Preparation:
    """Everything that turns the studies of one recipe into records, and the tally of what it left out."""

    recipe: Recipe
    proposals: ProposalSettings | None
    """None where no interactive masks are generated."""
    model: "Model | None"
    published: bool
    """Whether interactive masks that come with the data are taken instead of generated ones."""
    dropped: Counter[str] = field(default_factory=Counter)
    strangers: Counter[str] = field(default_factory=Counter)

    def records(self, study: Study, planes: Sequence[Plane]) -> list[Record]:
        """The records of a picture, or of these planes of a volume.

        The volume itself comes with its first plane.

        Raises:
            BadInput: a file of the study cannot be used.
        """
        opened = _open(_Reading(study, self.recipe.digest(), self.recipe))
        if len(opened.image.grid) == 2:
            self.strangers.update(opened.strangers)
            return self._picture(study, opened)
        records = []
        if not planes or planes[0] == self._first_plane(opened.image):
            self.strangers.update(opened.strangers)
            if self.recipe.slices.keep_volume:
                records.append(Record(self._case(study, study.id, opened.image, opened.truth), window=opened.window))
        records.extend(self._planes(study, opened, planes))
        return records

    def _first_plane(self, image: Image) -> Plane:
        # Of all axes: the first may be shorter than the step.
        return planes_of(image.grid, self.recipe.slices.axes, self.recipe.slices.every)[0]

    def _picture(self, study: Study, opened: _Opened) -> list[Record]:
        image, window = opened.image, opened.window
        picture = replace(image, voxels=to_8bit(image.voxels, window))
        masks = self._masks(picture, opened.truth, opened.regions)
        if masks is None:
            return []
        unchanged = image.voxels.dtype == np.uint8 and np.array_equal(picture.voxels, image.voxels)
        case = self._case(study, study.id, picture, masks)
        return [Record(case, window=window, original=None if unchanged else image)]

    def _planes(self, study: Study, opened: _Opened, planes: Sequence[Plane]) -> list[Record]:
        image, window = opened.image, opened.window
        layers = opened.layers or Layers.of(opened.truth)
        fitting = [plane for plane in planes if not too_long(_across(image.grid, plane), self._aspect)]
        self._count(ASPECT, len(planes) - len(fitting))
        records = []
        for plane, picture, cut in cut_planes(image, layers, fitting, window):
            if cut is None and self.recipe.slices.labelled_only:
                self._count(BARE, 1)
                continue
            masks = self._masks(picture, cut or Masks.empty(picture.grid), None)
            if masks is None:
                continue
            case = self._case(study, f"{study.id}/{plane.suffix}", picture, masks)
            if self.recipe.slices.keep_volume:
                records.append(Record(case, plane.axis, plane.index, case.study, window))
            else:
                original = replace(picture, voxels=upright(image.voxels, plane))
                records.append(Record(case, plane.axis, plane.index, "", window, original))
        return records

    def _masks(self, picture: Image, truth: Masks, regions: Masks | None) -> Masks | None:
        """Truth and interactive masks of one picture; None where the filters leave it no truth."""
        least = self.recipe.filters.least_area
        had_truth = len(truth) > 0
        truth = drop_small(truth, least, SMALL, self.dropped)
        if self.recipe.instances and len(truth):
            named = {Vocabulary.load().place(name).name for name in self.recipe.instances}
            split = split_instances(truth, named)
            truth = drop_small(split, least, SMALL_INSTANCE, self.dropped)
        if had_truth and not len(truth):
            self._count(BARE, 1)
            return None
        interactive = self._interactive(picture, truth, regions)
        interactive = drop_small(interactive, least, SMALL_INTERACTIVE, self.dropped)
        return Masks.concatenate([truth, interactive])

    def _interactive(self, picture: Image, truth: Masks, regions: Masks | None) -> Masks:
        if self.published and regions is not None:
            return regions
        if self.model is None or self.proposals is None:
            return Masks.empty(picture.grid)
        return correct(propose(self.model, picture, self.proposals), truth).tidied()

    def _case(self, study: Study, name: str, image: Image, masks: Masks) -> Case:
        recipe = self.recipe
        rule = recipe.split
        return Case(
            id=f"{recipe.name}/{name}",
            image=image,
            masks=masks,
            split=split_of(recipe.name, study.patient, rule.test_fraction, external=rule.external),
            dataset=recipe.name,
            patient=study.patient,
            study=f"{recipe.name}/{study.id}",
            provenance={"files": ", ".join(path.name for path in study.images)},
        )

    @property
    def _aspect(self) -> float:
        return self.recipe.filters.max_aspect

    def _count(self, reason: str, number: int) -> None:
        if number:
            self.dropped[reason] += number


def _across(grid: tuple[int, ...], plane: Plane) -> tuple[int, ...]:
    """The shape of a plane of this volume."""
    return tuple(length for axis, length in enumerate(grid) if axis != plane.axis)
