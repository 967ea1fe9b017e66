"""One subject of TotalSegmentator's data, as it is published: a CT and its masks."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imedbench.curate.classes import Classes
from imedbench.curate.grid import Spacing
from imedbench.errors import BadInput
from imedbench.io.geometry import on_grid_of
from imedbench.io.images import load, read_image
from imedbench.types import Image

CT, MASKS, LABELS = "ct.nii.gz", "segmentations", "labels.nii.gz"
"""Of a subject's folder: the image; a folder of one file a class; or a single file of all classes instead."""
_THIN_HU = -50.0
"""Air and fat are less dense, and some of either is in every CT."""
_LEAST_THIN = 0.001
_DENSEST_HU = 32000.0


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
        BadInput: there is none.
    """
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
    labels = np.zeros(image.grid, np.uint8)
    if (folder / LABELS).is_file():
        labels[:] = _numbers(folder / LABELS, image, classes)
        return Subject(folder.name, image, labels)
    for number, mask in _masks(folder / MASKS, classes):
        labels[on_grid_of(mask, load(mask), image) > 0] = number
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


def _numbers(path: Path, image: Image, classes: Classes) -> NDArray[np.uint8]:
    """All classes of one file.

    Raises:
        BadInput: a number is of no class.
    """
    values = on_grid_of(path, load(path), image)
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > len(classes.names) or not np.array_equal(values, np.rint(values)):
        fact = f"holds numbers from {low:g} to {high:g} where classes are 0 to {len(classes.names)}"
        raise BadInput(path, fact, "name the --version that the data is of")
    return values.astype(np.uint8)


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
