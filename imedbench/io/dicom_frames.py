"""The frames of DICOM images and their places in the patient, in single- and multi-frame objects alike."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imedbench.errors import BadInput
from imedbench.io.checks import check_spacing, clause
from imedbench.io.geometry import LPS_TO_RAS
from imedbench.types import Array

PARALLEL = 1e-3
"""Most that the direction cosines of slices of one stack may differ by."""
UNEVEN = 0.05
"""Most that a step between slices may differ from the usual one, as a share of it: positions are rounded."""
TILT = 0.5
"""Degrees between the stack's axis and the slices' normal above which the gantry was tilted."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One plane of pixels. Lengths in mm, directions in DICOM's LPS."""

    path: Path
    number: int
    """In its file, from 0."""
    position: tuple[float, ...] | None
    """Centre of the first pixel; None where the image does not say."""
    orientation: tuple[float, ...] | None
    """Direction of a row (along which the column index grows), then that of a column."""
    steps_mm: tuple[float, float] | None
    """Between rows, and between columns."""
    slope: float
    intercept: float
    group: Any
    """The frame's own functional group, or the dataset itself."""


def frames_of(path: Path, dataset: Any) -> list[Frame]:
    """All frames of an image in stored order.

    Raises:
        BadInput: a value that must be numbers is something else.
    """
    try:
        own = dataset.get("PerFrameFunctionalGroupsSequence")
        shared = next(iter(dataset.get("SharedFunctionalGroupsSequence") or ()), None)
        if not own:
            count = int(dataset.get("NumberOfFrames") or 1)
            return [_frame(path, number, dataset, (shared, dataset)) for number in range(min(count, 1 << 20))]
        return [_frame(path, number, group, (group, shared, dataset)) for number, group in enumerate(own)]
    except (ValueError, TypeError, AttributeError, IndexError) as problem:
        fact = f"has a header with a value that is no number ({clause(problem)})"
        raise BadInput(path, fact, "correct the header") from problem


def normal(frame: Frame) -> Array:
    """(3,): the unit vector across the plane, in LPS."""
    directions = np.array(frame.orientation, np.float64)
    return np.cross(directions[:3], directions[3:])


def place_along(frame: Frame) -> float:
    """How far along its normal a frame lies, in mm; 0 where it has no place."""
    if frame.position is None or frame.orientation is None:
        return 0.0
    return float(normal(frame) @ np.array(frame.position))


def plane_affine(frame: Frame, thickness_mm: float = 1.0) -> Array:
    """(4, 4), (column, row, slice, 1) of a placed frame to RAS mm."""
    rows_mm, columns_mm = frame.steps_mm or (1.0, 1.0)
    directions = np.array(frame.orientation, np.float64)
    affine = np.eye(4)
    affine[:3, 0] = directions[:3] * columns_mm
    affine[:3, 1] = directions[3:] * rows_mm
    affine[:3, 2] = normal(frame) * thickness_mm
    affine[:3, 3] = frame.position
    return LPS_TO_RAS @ affine


def stacked(folder: Path, frames: Sequence[Frame]) -> tuple[list[int], Array]:
    """The order of the frames along the patient, and the (4, 4) affine of (column, row, slice, 1) to RAS mm.

    Raises:
        BadInput: the frames are not an evenly stepped stack of parallel planes.
    """
    _check_placed(folder, frames)
    _check_parallel(folder, frames)
    along = np.array([place_along(frame) for frame in frames])
    order = [int(index) for index in np.argsort(along, kind="stable")]
    steps = np.diff(along[order])
    usual = float(np.median(steps))
    _check_steps(folder, along[order], steps, usual)
    first, last = (np.array(frames[order[end]].position) for end in (0, -1))
    step = (last - first) / (len(frames) - 1)
    cosine = float(step @ normal(frames[0]) / np.linalg.norm(step))
    tilt = math.degrees(math.acos(min(1.0, cosine)))
    if tilt > TILT:
        fact = f"is a tilted stack: its slices lean by {tilt:.1f} degrees against its axis"
        raise BadInput(folder, fact, "straighten it, for example with dcm2niix, and build from the NIfTI")
    affine = plane_affine(frames[order[0]])
    affine[:3, 2] = (LPS_TO_RAS[:3, :3] @ step).T
    return order, affine


def _frame(path: Path, number: int, group: Any, places: Sequence[Any]) -> Frame:
    """One frame; a fact is looked for in its own group, in the shared one, then in the dataset."""
    position = _find(places, "PlanePositionSequence", "ImagePositionPatient")
    orientation = _find(places, "PlaneOrientationSequence", "ImageOrientationPatient")
    steps = _find(places, "PixelMeasuresSequence", "PixelSpacing") or places[-1].get("ImagerPixelSpacing")
    slope = _find(places, "PixelValueTransformationSequence", "RescaleSlope")
    intercept = _find(places, "PixelValueTransformationSequence", "RescaleIntercept")
    return Frame(
        path,
        number,
        _numbers(position, 3),
        _numbers(orientation, 6),
        _steps(path, steps),
        1.0 if slope in {None, ""} else float(slope),
        0.0 if intercept in {None, ""} else float(intercept),
        group,
    )


def _find(places: Sequence[Any], sequence: str, name: str) -> Any:
    """A value in the first of these groups that has it, inside its sequence or, in a plain dataset, bare."""
    for place in places:
        if place is None:
            continue
        inner = place.get(sequence)
        value = inner[0].get(name) if inner else place.get(name)
        if value is not None:
            return value
    return None


def _numbers(values: Any, count: int) -> tuple[float, ...] | None:
    if values is None or isinstance(values, str) or len(values) != count:
        return None
    return tuple(float(value) for value in values)


def _steps(path: Path, values: Any) -> tuple[float, float] | None:
    steps = _numbers(values, 2)
    if steps is None:
        return None
    check_spacing(path, steps)
    return steps[0], steps[1]


def _check_placed(folder: Path, frames: Sequence[Frame]) -> None:
    lost = [frame for frame in frames if frame.position is None or frame.orientation is None or not frame.steps_mm]
    if lost:
        fact = f"has {len(lost)} of {len(frames)} frames without position, orientation or pixel spacing"
        raise BadInput(folder, fact, "export the series again, or give its frames as single pictures")
    if not all(np.isfinite([*(frame.position or ()), *(frame.orientation or ())]).all() for frame in frames):
        raise BadInput(folder, "has frames with a position that is not finite", "correct the headers")


def _check_parallel(folder: Path, frames: Sequence[Frame]) -> None:
    directions = np.array([frame.orientation for frame in frames])
    if np.abs(directions - directions[0]).max() > PARALLEL:
        kinds = len(np.unique(np.rint(directions / (10 * PARALLEL)), axis=0))
        fact = f"mixes slices of {max(kinds, 2)} orientations, as localizers do"
        raise BadInput(folder, fact, "keep only the slices of one stack")
    grids = {frame.steps_mm for frame in frames}
    if len(grids) > 1 and np.ptp(np.array([*grids]), axis=0).max() > PARALLEL:
        fact = f"mixes pixel spacings, {sorted(grids, key=str)[0]} and {sorted(grids, key=str)[-1]} mm"
        raise BadInput(folder, fact, "keep only the slices of one stack")


def _check_steps(folder: Path, along: Array, steps: Array, usual: float) -> None:
    twice = np.flatnonzero(steps < 1e-3)
    if len(twice):
        fact = f"has {len(twice) + 1} or more slices at the same position, {along[twice[0]]:g} mm along the stack"
        raise BadInput(folder, fact, "separate its echoes, phases or copies into series of their own")
    off = np.flatnonzero(np.abs(steps - usual) > UNEVEN * usual)
    if len(off):
        at = int(off[np.argmax(steps[off])])
        missing = round(float(steps[at]) / usual) - 1
        between = f"between the positions {along[at]:g} and {along[at + 1]:g} mm"
        told = f"{missing} missing slice{'s'[: missing != 1]}" if missing > 0 else "uneven steps"
        fact = f"has {told} {between}, where it steps {steps[at]:g} mm and elsewhere {usual:g} mm"
        raise BadInput(folder, fact, "export the whole series again, or leave the study out")
