"""What goes into a store: a case and its place, checked, and the row of the index that it becomes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from imedbench.errors import BadStore, printable
from imedbench.store.format import DTYPES
from imedbench.types import Case, Image, SourceGrid

# The most that the compressor takes in one piece.
LARGEST_CHUNK = 2**31 - 2**16


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What a store says of itself; everything in it can be written as JSON."""

    name: str
    recipe: Mapping[str, Any]
    settings: Mapping[str, Any]
    version: Mapping[str, Any]
    """Versions of the programs that made it."""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A case on its way into a store, with what is needed to find its original intensities.

    A 3-D case holds them itself. A 2-D case holds an 8-bit picture and finds them in its parent, in ``original``, or,
    with neither, in the picture.
    """

    case: Case
    axis: int = -1
    """Of the parent volume, across which the picture was cut; -1 for a picture that is no slice."""
    index: int = -1
    """Place of the slice on that axis."""
    parent: str = ""
    """Id of the volume's own case in the same store; empty where that is not kept."""
    window: tuple[float, ...] = ()
    """Original intensities that are 0 and 255 in the picture."""
    original: Image | None = None


def refusal(case: str, fact: str) -> BadStore:
    """The error of a case that cannot go into a store."""
    return BadStore(f"case {printable(case)!r} {fact}; this is an error of the program that made it.")


def check(record: Record) -> None:
    """Refuses what a store cannot keep.

    Raises:
        BadStore: naming the case and the fault.
    """
    case, picture = record.case, record.case.image
    for image in (picture, record.original):
        if image is not None and (fault := _fault_of(image)):
            raise refusal(case.id, fault)
    faults = {
        "has an id that is empty or no UTF-8": not case.id or case.id != printable(case.id),
        "has a 2-D picture that is not of 8 bits": len(picture.grid) == 2 and picture.voxels.dtype != np.uint8,
        f"has masks on the grid {case.masks.shape} of an image of {picture.grid}": case.masks.shape != picture.grid,
        "names a parent but not which of its planes it is": bool(record.parent)
        and (record.axis not in {0, 1, 2} or record.index < 0),
        "has original intensities of another shape": record.original is not None
        and record.original.grid != picture.grid,
    }
    for fact, wrong in faults.items():
        if wrong:
            raise refusal(case.id, fact)


def _fault_of(image: Image) -> str:
    voxels, dimensions = image.voxels, len(image.spacing_mm)
    if dimensions not in {2, 3} or voxels.ndim not in {dimensions, dimensions + 1} or 0 in voxels.shape:
        return f"has an image of {dimensions} spacings and shape {voxels.shape}"
    if voxels.dtype.name not in DTYPES:
        return f"has voxels of type {voxels.dtype}, which Zarr does not know"
    if int(np.prod(voxels.shape[dimensions - 2 :], dtype=np.int64)) * voxels.itemsize > LARGEST_CHUNK:
        return "has a plane of more than two gigabytes"
    return "" if np.shape(image.affine) == (4, 4) else f"has an affine of shape {np.shape(image.affine)}"


def case_row(record: Record, part: int) -> dict[str, Any]:
    """The case's row of the index, its places in arrays still open."""
    case, picture = record.case, record.case.image
    kinds = [mask.kind for mask in case.masks.infos]
    return {
        "id": case.id,
        "dataset": case.dataset,
        "study": case.study,
        "patient": case.patient,
        "split": case.split,
        "modality": picture.modality,
        "ndim": len(picture.grid),
        "axis": record.axis,
        "index": record.index,
        "parent": record.parent,
        "shape": list(picture.grid),
        "channels": list(picture.channels),
        "spacing_mm": [float(spacing) for spacing in picture.spacing_mm],
        "affine": np.asarray(picture.affine, np.float64).reshape(-1).tolist(),
        "window": [float(bound) for bound in record.window],
        "gt": kinds.count("gt"),
        "interactive": kinds.count("interactive"),
        "part": part,
        **{"image_array": "", "image_row": -1, "original_array": "", "original_row": -1},
        **{"masks_array": "", "masks_row": -1},
        "source": source_text(picture.source),
        "provenance": json.dumps(dict(case.provenance), ensure_ascii=False, sort_keys=True),
    }


def source_text(source: SourceGrid | None) -> str:
    """The grid of the source file as JSON; empty where there is none."""
    if source is None:
        return ""
    flipped = [bool(flip) for flip in source.flipped]
    axes = [int(axis) for axis in source.axes]
    return json.dumps({"affine": np.asarray(source.affine, np.float64).tolist(), "axes": axes, "flipped": flipped})


def source_of(text: str) -> SourceGrid | None:
    """The inverse of `source_text`."""
    if not text:
        return None
    facts = json.loads(text)
    return SourceGrid(np.array(facts["affine"]), tuple(facts["axes"]), tuple(facts["flipped"]))
