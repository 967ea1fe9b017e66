"""DICOM SEG: binary, fractional and label-map segmentations, laid on the image by where their frames lie."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imedbench.errors import BadInput
from imedbench.io.dicom_frames import Frame, frames_of, plane_affine
from imedbench.io.dicom_pixels import plane_reader
from imedbench.io.dicom_series import open_dataset
from imedbench.io.geometry import TOLERANCE
from imedbench.io.labels import filled, named_parts
from imedbench.masks import MaskInfo, Masks
from imedbench.types import Array, Image, Mask

SEGMENTATIONS = {"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"}
HALF = 0.5
"""Share of the greatest fractional value from which a voxel belongs to a segment."""


@dataclass(frozen=True, slots=True, eq=False)
class _Spot:
    """Where one frame lies in the image."""

    number: int
    """Of the frame."""
    low: Array
    """(3,): first (z, y, x) that it covers."""
    high: Array
    """(3,): last (z, y, x) that it covers."""
    transposed: bool
    """Whether its rows follow a later axis of the image than its columns."""
    flips: tuple[bool, bool]
    """Whether its row index, and its column index, runs against the image's axis."""

    def turn(self, plane: Array) -> Array:
        """(rows, columns) as the image has them, with the axis across the frame put in."""
        rows, columns = (slice(None, None, -1 if flip else 1) for flip in self.flips)
        turned = plane[rows, columns]
        return (turned.T if self.transposed else turned).reshape(tuple(self.high - self.low + 1))

    def view(self, dense: Array, first: int = 0) -> Array:
        """The frame's part of a (z, y, x) array that begins at plane ``first``."""
        offset = np.array([first, 0, 0])
        low, high = self.low - offset, self.high - offset + 1
        view: Array = dense[tuple(slice(int(start), int(stop)) for start, stop in zip(low, high, strict=True))]
        return view


def read_dicom_seg(path: Path, image: Image, names: Mapping[str, str] | None = None) -> Masks:
    """A mask for each segment; frames are placed by their position and orientation, never by their order.

    Segments of the same label are instances; different ones that ``names`` gives one target are one mask. Of
    fractional segments the voxels with at least half the greatest value count.

    Args:
        path: the SEG file.
        image: the image it was drawn on.
        names: segment label to target; None takes the labels themselves, an empty target leaves one out.

    Raises:
        BadInput: it is no SEG, its frames are not on the image's grid, a label has no name, or all is empty.
    """
    dataset = open_dataset(path)
    if str(dataset.get("SOPClassUID")) not in SEGMENTATIONS or "SegmentSequence" not in dataset:
        fact = f"is a DICOM object of modality {dataset.get('Modality') or 'unknown'} and no SEG"
        raise BadInput(path, fact, "name the file that holds the segmentation")
    segments = list(dataset.SegmentSequence)
    labels = [str(segment.get("SegmentLabel") or "") for segment in segments]
    parts = named_parts(path, labels, names, "segments")
    numbers = {part: {int(segments[member].SegmentNumber) for member in members} for part, members in parts.items()}
    frames = frames_of(path, dataset)
    if len(frames) != int(dataset.get("NumberOfFrames") or 1):
        fact = f"describes {len(frames)} frames but declares {dataset.get('NumberOfFrames')}"
        raise BadInput(path, fact, "export the segmentation again")
    size = int(dataset.Rows), int(dataset.Columns)
    spots = [_spot(path, frame, size, image) for frame in frames]
    read = plane_reader(path, dataset)
    if dataset.get("SegmentationType") == "LABELMAP":
        return filled(path, _from_label_map(spots, read, numbers, image))
    owners = [_owner(path, frame, dataset) for frame in frames]
    least = 1.0 if dataset.get("SegmentationType") == "BINARY" else HALF * float(dataset.MaximumFractionalValue)
    masks = [Masks.empty(image.grid)]
    for part, members in numbers.items():
        mine = [spot for spot, owner in zip(spots, owners, strict=True) if owner in members]
        masks.append(
            _from_planes(mine, lambda number: read(number) >= least, MaskInfo(part[0], instance=part[1]), image)
        )
    return filled(path, Masks.concatenate(masks))


def _owner(path: Path, frame: Frame, dataset: Any) -> int:
    """The number of the segment that a frame belongs to."""
    for group in (frame.group, *(dataset.get("SharedFunctionalGroupsSequence") or ())):
        found = group.get("SegmentIdentificationSequence")
        if found:
            return int(found[0].ReferencedSegmentNumber)
    raise BadInput(path, f"has a frame ({frame.number + 1}) of no segment", "export the segmentation again")


def _spot(path: Path, frame: Frame, size: tuple[int, int], image: Image) -> _Spot:
    """Where a frame of ``size`` (rows, columns) lies; refuses one that is off the image's grid."""
    if frame.position is None or frame.orientation is None or frame.steps_mm is None:
        fact = f"has a frame ({frame.number + 1}) without position, orientation or pixel spacing"
        raise BadInput(path, fact, "export the segmentation again")
    grid = image.grid if len(image.grid) == 3 else (1, *image.grid)
    to_image = np.linalg.inv(image.affine) @ plane_affine(frame)
    turn = np.rint(to_image[:3, :2])
    ends = np.array([[0, 0, 0, 1], [size[1] - 1, size[0] - 1, 0, 1]]) @ to_image[:3].T
    first = np.rint(ends[0])
    far = first + turn @ (size[1] - 1, size[0] - 1)
    one_axis_each = (np.abs(turn).sum(axis=0) == 1).all() and np.abs(turn).sum(axis=1).max() == 1
    off = max(np.abs(ends[0] - first).max(), np.abs(ends[1] - far).max())
    if not one_axis_each or off > TOLERANCE:
        steps = ", ".join(f"{step:.4g}" for step in frame.steps_mm)
        spacing = ", ".join(f"{step:.4g}" for step in image.spacing_mm)
        fact = f"has a frame ({frame.number + 1}) that is not on the image's grid: it lies {off:.2f} voxels off, with "
        told = f"steps of ({steps}) mm where the image has ({spacing}) mm"
        raise BadInput(path, fact + told, "pair it with the series it was drawn on")
    low, high = np.minimum(first, far).astype(int), np.maximum(first, far).astype(int)
    if (low < 0).any() or (high >= grid).any():
        spans = f"from {tuple(low.tolist())} to {tuple(high.tolist())} in an image of {grid}"
        fact = f"lies outside its image: its frame {frame.number + 1} goes {spans}"
        raise BadInput(path, fact, "pair it with the series it was drawn on")
    row_axis, column_axis = int(np.argmax(np.abs(turn[:, 1]))), int(np.argmax(np.abs(turn[:, 0])))
    flips = bool(turn[row_axis, 1] < 0), bool(turn[column_axis, 0] < 0)
    return _Spot(frame.number, low, high, row_axis > column_axis, flips)


def _from_planes(spots: Sequence[_Spot], read: Callable[[int], Mask], info: MaskInfo, image: Image) -> Masks:
    """One mask from the frames of its segments, made dense only between its first and last plane."""
    if not spots:
        return Masks.empty(image.grid)
    flat = len(image.grid) == 2
    grid = (1, *image.grid) if flat else image.grid
    low, high = min(int(spot.low[0]) for spot in spots), max(int(spot.high[0]) for spot in spots) + 1
    dense = np.zeros((high - low, *grid[1:]), np.bool_)
    for spot in spots:
        view = spot.view(dense, low)
        view |= spot.turn(read(spot.number))
    part = Masks.from_dense([dense], [info])
    return Masks(image.grid, part.indptr, part.starts + low * grid[1] * grid[2], part.lengths, part.infos)


def _from_label_map(
    spots: Sequence[_Spot], read: Callable[[int], Array], numbers: Mapping[tuple[str, int], set[int]], image: Image
) -> Masks:
    """The masks of a segmentation whose pixels are segment numbers."""
    labels = np.zeros(image.grid, np.int32)
    whole = labels if labels.ndim == 3 else labels[None]
    part_of = np.zeros(1 + max([0, *(number for members in numbers.values() for number in members)]), np.int32)
    for part, members in enumerate(numbers.values(), start=1):
        part_of[list(members)] = part
    for spot in spots:
        plane = read(spot.number)
        known = np.where(plane < len(part_of), plane, 0)
        spot.view(whole)[...] = spot.turn(part_of[known])
    infos = {part: MaskInfo(name, instance=instance) for part, (name, instance) in enumerate(numbers, start=1)}
    return Masks.from_labels(labels, infos)
