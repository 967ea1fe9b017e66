"""From a study to its voxels and masks, by what its recipe says of the files."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imedbench.errors import BadInput
from imedbench.layout.names import names_within
from imedbench.layout.studies import LabelFile, Study
from imedbench.masks import Masks
from imedbench.recipe import Recipe
from imedbench.recipe_fields import Labels
from imedbench.types import Image

if TYPE_CHECKING:
    from imedbench.io import Header


def peek_study(study: Study) -> "Header":
    """The header of the study's first image; no voxel is read.

    Raises:
        BadInput: it cannot be used.
    """
    from imedbench.io import peek, peek_series

    return peek_series(study.series) if study.series is not None else peek(study.images[0])


def read_study(study: Study, recipe: Recipe) -> tuple[Image, Masks, Masks | None]:
    """The image, the truth under the names of the recipe, and the published interactive masks where there are any.

    Raises:
        BadInput: a file of the study cannot be used.
    """
    from imedbench.io import read_image, read_regions, read_series

    modality = study.modality or recipe.modality
    if study.series is not None:
        image = read_series(study.series, modality=modality)
    else:
        image = read_image(study.images[0], modality=modality, channels=study.images[1:])
    if len(image.grid) != recipe.dimension:
        fact = f"is {len(image.grid)}-dimensional where recipe {recipe.name} says {recipe.dimension}"
        raise BadInput(study.images[0], fact, "correct the field dimension, or leave the study out")
    if len(study.images) > 1 and len(image.channels) == len(recipe.channels):
        image = replace(image, channels=recipe.channels)
    parts = [
        _read_labels([file for file in study.labels if file.source == index], labels, study, image)
        for index, labels in enumerate(recipe.labels)
        if any(file.source == index for file in study.labels)
    ]
    truth = Masks.concatenate(parts) if parts else Masks.empty(image.grid)
    return image, truth, read_regions(study.interactive, image) if study.interactive else None


def _read_labels(files: Sequence[LabelFile], labels: Labels, study: Study, image: Image) -> Masks:
    from imedbench.io import MaskFile, read_mask_files

    if labels.encoding == "files":
        return read_mask_files([MaskFile(file.path, file.target) for file in files if file.target], image)
    if labels.encoding == "instances":
        return read_mask_files([MaskFile(*place) for place in _numbered(files)], image)
    return Masks.concatenate([_read_file(file.path, labels, study, image) for file in files])


def _numbered(files: Sequence[LabelFile]) -> list[tuple[Path, str, int]]:
    """The objects of each target, counted from 1 by the numbers in the file names; 0 for one that is alone."""
    groups: dict[str, list[LabelFile]] = {}
    for file in sorted(files, key=lambda one: (one.target, one.instance, one.path)):
        if file.target:
            groups.setdefault(file.target, []).append(file)
    return [
        (file.path, target, number if len(group) > 1 else 0)
        for target, group in groups.items()
        for number, file in enumerate(group, 1)
    ]


def _read_file(path: Path, labels: Labels, study: Study, image: Image) -> Masks:
    """The masks of a file that holds several."""
    from imedbench import io

    text = {str(key): name for key, name in labels.names.items()}
    match labels.encoding:
        case "csr":
            return io.read_csr(path, image, _by_number(labels))
        case "colours":
            return io.read_colours(path, image, {_rgb(colour): name for colour, name in text.items()})
        case "dicom-seg":
            return io.read_dicom_seg(path, image, text or None)
        case "rtstruct":
            return io.read_rtstruct(path, study.images[0], image, text or None)
        case _:
            return _read_map(path, labels, image)


def _read_map(path: Path, labels: Labels, image: Image) -> Masks:
    from imedbench.io import read_label_map

    if labels.separate:
        return read_label_map(path, image, {1: labels.target} | _by_number(labels), instances=True)
    names = _by_number(labels) if labels.names else names_within(path)
    if not names:
        fact = "is a label map that neither the recipe nor the file itself names the values of"
        raise BadInput(path, fact, "add names to the recipe's labels")
    return read_label_map(path, image, dict.fromkeys(labels.ignore, "") | names)


def _by_number(labels: Labels) -> dict[int, str]:
    """Names by value; those to be ignored have none."""
    return {int(key): name for key, name in labels.names.items()} | dict.fromkeys(labels.ignore, "")


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue
