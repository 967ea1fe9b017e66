"""nnU-Net's raw format, version 2: ``DatasetNNN_NAME/{imagesTr,labelsTr,imagesTs,labelsTs,dataset.json}``.

Volumes are written with their original intensities on the grid of the source file where the store knows it, else in
RAS+; each data set of the store gets a folder, pictures that are not slices of its volumes a second one. Pictures are
PNG files when all are 8-bit, else NIfTI with one slice.

Where targets overlap, each combination that occurs gets a number of its own, and the targets become nnU-Net's regions:
lists of the numbers that they consist of. ``regions_class_order`` goes from wholes to their parts. Nothing is lost
either way. Instances of a target are one label.
"""

import json
import re
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imedbench.errors import BadInput
from imedbench.masks import Masks
from imedbench.nifti import nifti_of
from imedbench.store.export import ExportSummary, Progress
from imedbench.store.export.raster import png_of
from imedbench.store.export.selection import RESERVE, Row, create_file, rows_of, targets_of
from imedbench.store.export.streams import in_order
from imedbench.types import Array, Image

if TYPE_CHECKING:
    from imedbench.store import Store

FIRST_NUMBER = 501
MOST_LABELS = 65_535
COLOURS = ("R", "G", "B")
FOLDERS = {"train": "Tr", "test": "Ts", "external": "Ts"}
Group = tuple[str, int, tuple[str, ...]]
"""Data set, dimension, channels: what one nnU-Net data set has in common."""


@dataclass(slots=True)
class _Set:
    """One nnU-Net data set while it is written."""

    folder: Path
    channels: tuple[str, ...]
    names: list[str]
    ending: str
    combinations: dict[tuple[int, ...], int]
    """Number of each combination of targets (as places in ``names``); single targets have the first numbers."""
    found: set[int] = field(default_factory=set)
    """The numbers that occur."""
    train: int = 0


def write(store: "Store", folder: Path, progress: Progress) -> ExportSummary:
    """Writes the volumes of the store, and the pictures that are not slices of them."""
    plan = _plan(store)
    sets = _start(store, folder, plan)
    summary = ExportSummary(notes=plan.notes())
    total = sum(plan.counts.values())
    made = in_order(lambda row: _read(store, row), (row for row in rows_of(store) if plan.takes(row)))
    for row, image, truth in made:
        target = sets[_group(row)]
        _write_case(row.name, image, truth, _Place(target, FOLDERS[row.split]))
        target.train += row.split == "train"
        summary.cases += 1
        summary.masks += len(truth)
        progress(summary.cases, total)
    for group, target in sets.items():
        _close(target, store.info.recipe, group, hounsfield=group[1] == 3 and plan.modalities[group] == {"ct"})
    regions = [target.folder.name for target in sets.values() if len(target.combinations) > len(target.names)]
    if regions:
        summary.notes.append(f"Targets overlap in {', '.join(regions)}: its dataset.json has them as regions.")
    return summary


def label_map(truth: Masks, names: Sequence[str], combinations: dict[tuple[int, ...], int]) -> Array:
    """The truth of a case as one map of numbers; combinations not met before are added to ``combinations``.

    Raises:
        BadInput: there are more combinations than a label map has numbers.
    """
    numbers = np.zeros(truth.shape, np.uint16)
    met: dict[int, tuple[int, ...]] = {0: ()} | {number: places for places, number in combinations.items()}
    for index, info in enumerate(truth.infos):
        place = names.index(info.target)
        mask = truth.decode(index)
        below = numbers[mask]
        joined = np.arange(len(combinations) + 1, dtype=np.uint16)
        for number in np.unique(below):
            combination = tuple(sorted({*met[int(number)], place}))
            joined[number] = combinations.setdefault(combination, len(combinations) + 1)
            met[int(joined[number])] = combination
        if len(combinations) > MOST_LABELS:
            fact = f"targets overlap in more than {MOST_LABELS} ways, which is more than a label map has numbers"
            remedy = "export the store as webdataset or coco"
            raise BadInput(", ".join(names), fact, remedy)
        numbers[mask] = joined[below]
    return numbers


def labels_of(
    names: Sequence[str], combinations: Mapping[tuple[int, ...], int], found: Container[int]
) -> dict[str, Any]:
    """What dataset.json says of the labels: numbers, or regions and the order in which they are written.

    Args:
        names: the targets.
        combinations: number of each combination of targets, as places in ``names``.
        found: the numbers that occur in a label map.
    """
    if len(combinations) == len(names):
        return {"labels": {"background": 0} | {name: number for number, name in enumerate(names, 1)}}
    regions = {
        name: [(len(places), number) for places, number in combinations.items() if place in places]
        for place, name in enumerate(names)
    }
    # Written over one another, a region's number must be that of the smallest combination in which it occurs.
    own = {name: min((pair for pair in pairs if pair[1] in found), default=pairs[0]) for name, pairs in regions.items()}
    order = sorted(names, key=lambda name: (own[name][0], -sum(pair[1] in found for pair in regions[name])))
    return {
        "labels": {"background": 0} | {name: sorted(number for _, number in regions[name]) for name in order},
        "regions_class_order": [own[name][1] for name in order],
    }


@dataclass(slots=True)
class _Plan:
    """What is written and what is not."""

    counts: Counter[Group] = field(default_factory=Counter)
    volumes: set[str] = field(default_factory=set)
    """Data sets that have volumes: their slices are not written."""
    deep: set[Group] = field(default_factory=set)
    """Pictures of which some are not 8-bit."""
    modalities: dict[Group, set[str]] = field(default_factory=dict)
    """Of the intensities that are written."""
    slices: int = 0
    reserve: int = 0

    def takes(self, row: Row) -> bool:
        """Whether the case is written."""
        return row.split != RESERVE and not self.is_slice(row)

    def is_slice(self, row: Row) -> bool:
        """Whether the case is a plane of a volume that is written itself."""
        return row.axis >= 0 and row.dataset in self.volumes

    def notes(self) -> list[str]:
        """What is left out."""
        found = []
        if self.slices:
            found.append(f"{self.slices} slices are left out; their volumes are written.")
        if self.reserve:
            found.append(f"{self.reserve} surplus test images (split reserve) are left out.")
        return found


@dataclass(frozen=True, slots=True)
class _Place:
    target: _Set
    folder: str
    """Tr or Ts."""

    def path(self, kind: str, name: str) -> Path:
        """Of a file in the images or labels of this side."""
        return self.target.folder / f"{kind}{self.folder}" / f"{name}{self.target.ending}"


def _group(row: Row) -> Group:
    return row.dataset, row.ndim, row.channels


def _plan(store: "Store") -> _Plan:
    plan = _Plan(volumes={row.dataset for row in rows_of(store) if row.ndim == 3})
    for row in rows_of(store):
        if plan.is_slice(row):
            plan.slices += 1
        elif row.split == RESERVE:
            plan.reserve += 1
        else:
            plan.counts[_group(row)] += 1
            plan.modalities.setdefault(_group(row), set()).add(row.modality)
            if row.ndim == 2 and row.original:
                plan.deep.add(_group(row))
    return plan


def _start(store: "Store", folder: Path, plan: _Plan) -> dict[Group, _Set]:
    targets = targets_of(store)
    sets = {}
    for number, group in enumerate(sorted(plan.counts), FIRST_NUMBER):
        dataset, dimension, channels = group
        title = re.sub(r"\W", "", dataset.title() if dataset.islower() else dataset) + ("2D" if dimension == 2 else "")
        names = targets[dataset]
        ending = ".nii.gz" if dimension == 3 or group in plan.deep or len(channels) not in {1, 3} else ".png"
        sets[group] = _Set(
            folder / f"Dataset{number}_{title}", channels, names, ending, {(i,): i + 1 for i in range(len(names))}
        )
        for part in ("imagesTr", "labelsTr", "imagesTs", "labelsTs"):
            (sets[group].folder / part).mkdir(parents=True)
    return sets


def _read(store: "Store", row: Row) -> tuple[Row, Image, Masks]:
    image = store.original(row.id) if row.ndim == 3 or row.original else store.image(row.id)
    return row, image, store.case_masks(row.id).of_kind("gt")


def _write_case(name: str, image: Image, truth: Masks, place: _Place) -> None:
    numbers = label_map(truth, place.target.names, place.target.combinations)
    place.target.found.update(np.unique(numbers).tolist())
    if numbers.max(initial=0) <= 255:
        numbers = numbers.astype(np.uint8)
    if place.target.ending == ".png":
        create_file(place.path("images", f"{name}_0000"), png_of(image.voxels))
        create_file(place.path("labels", name), png_of(numbers))
        return
    channels = np.moveaxis(image.voxels, -1, 0) if image.voxels.ndim > len(image.grid) else image.voxels[None]
    for number, voxels in enumerate(channels):
        create_file(place.path("images", f"{name}_{number:04d}"), nifti_of(voxels, image))
    create_file(place.path("labels", name), nifti_of(numbers, image))


def _close(target: _Set, recipes: Mapping[str, Any], group: Group, *, hounsfield: bool) -> None:
    dataset, _, channels = group
    # nnU-Net normalises a channel of this name, and no other, by the intensities of the whole set.
    alone = "CT" if hounsfield else dataset
    named = channels if any(channels) else COLOURS if len(channels) == 3 else (alone,)
    recipe = recipes.get(dataset, {})
    content = {
        "channel_names": {str(number): name for number, name in enumerate(named)},
        **labels_of(target.names, target.combinations, target.found),
        "numTraining": target.train,
        "file_ending": target.ending,
        "name": dataset,
        "licence": recipe.get("licence", ""),
        "reference": recipe.get("citation", "") or recipe.get("url", ""),
    }
    create_file(target.folder / "dataset.json", json.dumps(content, indent=2, ensure_ascii=False).encode("utf-8"))
