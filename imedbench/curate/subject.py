"""One subject of TotalSegmentator's data, as it is published: a CT and its masks."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imedbench.curate.classes import Classes
from imedbench.curate.files import CT, LABELS, MASKS, SUMMARY
from imedbench.curate.grid import Spacing
from imedbench.errors import BadInput
from imedbench.io.geometry import on_grid_of
from imedbench.io.images import load, read_image
from imedbench.types import Image

_THIN_HU = -50.0
"""Air and fat are less dense, and some of either is in every CT."""
_LEAST_THIN = 0.001
_DENSEST_HU = 32000.0
_SOLID = (
    "liver",
    "spleen",
    "kidney_left",
    "kidney_right",
    "aorta",
    "autochthon_*",
    "gluteus_*",
    "vertebrae_*",
    "hip_*",
)
_SOLID_HU = (-150.0, 900.0)
"""Between which the median of such structures lies in every CT, with contrast agent or without."""
_LEAST_SOLID = 500
"""Voxels that have a median worth the name."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A CT with its labels."""

    name: str
    image: Image
    labels: NDArray[np.uint8]
    """(z, y, x): numbers of its version's classes."""

    @property
    def spacing_mm(self) -> Spacing:
        """Of its voxels."""
        z, y, x = self.image.spacing_mm
        return z, y, x


def find_subjects(source: Path) -> list[Path]:
    """The folders of a data set that hold a CT, in order of their names.

    Raises:
        BadInput: there is none, or this is what comes out of a curation.
    """
    if (source / SUMMARY).is_file():
        raise BadInput(source, "is curated already", "name the data as they were published")
    found = sorted(path.parent for path in source.glob(f"*/{CT}"))
    if not found:
        remedy = f"name the folder that the archive was unpacked to, with a folder a subject and {CT} in each"
        raise BadInput(source, f"no folder in it holds {CT}", remedy)
    return found


def read_subject(folder: Path, classes: Classes) -> Subject:
    """A subject with all its masks.

    Masks that overlap are settled in the order of the classes: the later one stays.

    Raises:
        BadInput: a file cannot be used; the CT is no CT; a mask is missing, of no class, or on another grid.
    """
    path = folder / CT
    image = read_image(path, modality="ct")
    _check_hounsfield(path, image)
    if (folder / LABELS).is_file():
        labels = read_numbers(folder / LABELS, image, len(classes.names))
    else:
        labels = np.zeros(image.grid, np.uint8)
        for number, mask in _masks(folder / MASKS, classes):
            labels[on_grid_of(mask, load(mask), image) > 0] = number
    _check_solid(path, image, labels, classes)
    return Subject(folder.name, image, labels)


def _masks(folder: Path, classes: Classes) -> Iterator[tuple[int, Path]]:
    """Number and file of every class.

    Raises:
        BadInput: one is missing, or there is one of no class.
    """
    if not folder.is_dir():
        raise BadInput(folder, "there is no such folder", f"unpack the masks there, or put all in one {LABELS}")
    there = {path.name.removesuffix(".nii.gz"): path for path in folder.glob("*.nii.gz")}
    missing = [name for name in classes.names if name not in there]
    if missing:
        fact = f"this class and {len(missing) - 1} more are missing" if missing[1:] else "this class is missing"
        remedy = "unpack it again, or name the --version that the data is of"
        raise BadInput(folder / f"{missing[0]}.nii.gz", fact, remedy)
    strange = sorted(set(there) - set(classes.names))
    if strange:
        fact = "is of no class of this version"
        raise BadInput(there[strange[0]], fact, "name the --version that the data is of, or take the file away")
    yield from ((number, there[name]) for number, name in enumerate(classes.names, 1))


def read_numbers(path: Path, image: Image, most: int) -> NDArray[np.uint8]:
    """A file of all classes, (z, y, x) on the grid of an image.

    Raises:
        BadInput: it lies on another grid, or a number is none from 0 to ``most``.
    """
    values = on_grid_of(path, load(path), image)
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > most or not np.array_equal(values, np.rint(values)):
        fact = f"holds numbers from {low:g} to {high:g} where classes are 0 to {most}"
        raise BadInput(path, fact, "name the --version that the data is of; data that were curated are no source")
    return np.ascontiguousarray(values, np.uint8)


def _check_hounsfield(path: Path, image: Image) -> None:
    """Refuses what is no CT in Hounsfield units.

    Raises:
        BadInput: see above.
    """
    voxels = image.voxels
    if voxels.ndim != len(image.grid) or len(image.grid) != len(image.spacing_mm):
        raise BadInput(path, f"holds {voxels.shape[-1]} channels", "give a CT with one")
    sample = voxels.reshape(-1)[:: max(1, voxels.size // 2_000_000)]
    thin, low, high = float((sample < _THIN_HU).mean()), float(sample.min()), float(sample.max())
    if thin >= _LEAST_THIN and high <= _DENSEST_HU:
        return
    fact = f"is no CT in Hounsfield units: its voxels lie between {low:g} and {high:g}"
    if thin < _LEAST_THIN:
        fact += f", and {thin:.2%} of them below {_THIN_HU:g}, as air and fat are"
    remedy = "give the CT itself, with the slope and intercept of its DICOM files applied"
    raise BadInput(path, fact, remedy)


def _check_solid(path: Path, image: Image, labels: NDArray[np.uint8], classes: Classes) -> None:
    """Refuses a CT whose solid organs do not look solid: its intercept was lost, or added twice.

    Raises:
        BadInput: see above.
    """
    solid = np.any([classes.like(pattern) for pattern in _SOLID], axis=0)
    step = max(1, len(labels) // 64)
    values = image.voxels[::step][solid[labels[::step]]]
    if values.size < _LEAST_SOLID:
        return
    median, (low, high) = float(np.median(values)), _SOLID_HU
    if not low <= median <= high:
        fact = f"is not in Hounsfield units: solid organs have a median of {median:.0f}, not {low:.0f} to {high:.0f}"
        raise BadInput(path, fact, "apply slope and intercept of its DICOM files once, and see that the labels fit it")
