"""Where voxels lie: files' grids turned to RAS, and the refusal of grids that disagree."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imedbench.errors import BadInput
from imedbench.io.checks import check_affine, check_finite, check_shape, check_spacing
from imedbench.io.intensities import narrowed
from imedbench.types import Array, Image, SourceGrid

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""DICOM and ITK count towards the patient's left and back; NIfTI and imedbench towards right and front."""
TOLERANCE = 0.1
"""How far, in voxels, corners of equal grids may lie apart: headers round to about a hundredth."""
MOST_CHANNELS = 16
"""A file with more volumes than this is taken for a time series."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself before its voxels are read."""

    shape: tuple[int, ...]
    """Spatial shape in array order after re-orientation: (z, y, x) or (y, x)."""
    channels: int
    """Values a voxel has."""
    dtype: str
    """numpy name of the voxel type, before narrowing."""
    spacing_mm: tuple[float, ...]
    """In array order."""

    @property
    def nbytes(self) -> int:
        """Bytes the voxels take in memory."""
        return math.prod(self.shape) * self.channels * np.dtype(self.dtype).itemsize


def source_grid(affine: Array) -> SourceGrid:
    """How an (i, j, k) array with this affine is turned to (z, y, x) of RAS."""
    from nibabel.orientations import io_orientation

    turned = io_orientation(affine)  # type: ignore[no-untyped-call]
    # Row r of `turned` says which of x, y, z file axis r follows, and in which sense.
    axes = [int(np.flatnonzero(turned[:, 0] == world)[0]) for world in (2, 1, 0)]
    flips = [bool(turned[axis, 1] < 0) for axis in axes]
    return SourceGrid(affine, (axes[0], axes[1], axes[2]), (flips[0], flips[1], flips[2]))


def canonical_affine(source: SourceGrid, shape: Sequence[int]) -> Array:
    """(4, 4), array index (z, y, x, 1) to RAS mm, for a file array of ``shape`` (i, j, k)."""
    to_file = np.zeros((4, 4))
    to_file[3, 3] = 1
    for here, (axis, flipped) in enumerate(zip(source.axes, source.flipped, strict=True)):
        to_file[axis, here] = -1 if flipped else 1
        to_file[axis, 3] = shape[axis] - 1 if flipped else 0
    return np.asarray(source.affine @ to_file, np.float64)


def steps_mm(affine: Array) -> tuple[float, ...]:
    """Distance between neighbours along each index axis."""
    return tuple(float(step) for step in np.linalg.norm(affine[:3, :3], axis=0))


def lps_affine(direction: Array, spacing_mm: Sequence[float] | Array, origin: Sequence[float] | Array) -> Array:
    """(4, 4), file index (i, j, k, 1) to RAS mm, from ITK's (3, 3) direction, spacing and origin."""
    affine = np.eye(4)
    affine[:3, :3] = direction * np.asarray(spacing_mm)
    affine[:3, 3] = origin
    return LPS_TO_RAS @ affine


def volume(path: Path, voxels: Array, affine: Array) -> Image:
    """The image of an (i, j, k[, c]) array and its affine, turned to RAS.

    Raises:
        BadInput: the affine or the voxels are not usable.
    """
    check_shape(path, voxels.shape)
    check_spacing(path, steps_mm(affine))
    check_affine(path, affine)
    source = source_grid(affine)
    turned = np.ascontiguousarray(narrowed(source.to_canonical(voxels)))
    check_finite(path, turned)
    place = canonical_affine(source, voxels.shape)
    return Image(turned, steps_mm(place), place, "", channel_names(turned.shape[3:]), source)


def picture(path: Path, voxels: Array, spacing_mm: tuple[float, float] = (1.0, 1.0)) -> Image:
    """The image of a (y, x[, c]) array that has no place in a patient."""
    check_shape(path, voxels.shape)
    check_spacing(path, spacing_mm)
    tidy = np.ascontiguousarray(narrowed(voxels))
    check_finite(path, tidy)
    return Image(tidy, spacing_mm, plain_affine((1.0, *spacing_mm)), "", channel_names(tidy.shape[2:]))


def placed_picture(path: Path, voxels: Array, affine: Array) -> Image:
    """The image of an (i, j[, c]) array with an affine: a flat file, kept the way it is drawn (not turned)."""
    spacing_mm = steps_mm(affine)[1::-1]
    check_shape(path, voxels.shape)
    check_spacing(path, spacing_mm)
    check_affine(path, affine)
    tidy = np.ascontiguousarray(narrowed(voxels.swapaxes(0, 1)))
    check_finite(path, tidy)
    source = SourceGrid(affine, (2, 1, 0), (False, False, False))
    place = canonical_affine(source, (*voxels.shape[:2], 1))
    return Image(tidy, spacing_mm, place, "", channel_names(tidy.shape[2:]), source)


def stack(path: Path, voxels: Array, spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Image:
    """The image of a (z, y, x[, c]) array whose orientation is not known."""
    check_shape(path, voxels.shape)
    check_spacing(path, spacing_mm)
    tidy = np.ascontiguousarray(narrowed(voxels))
    check_finite(path, tidy)
    return Image(tidy, spacing_mm, plain_affine(spacing_mm), "", channel_names(tidy.shape[3:]))


def plain_affine(spacing_mm: Sequence[float]) -> Array:
    """(4, 4), index (z, y, x, 1) to (x, y, z, 1) mm with the first voxel at the origin."""
    affine = np.zeros((4, 4))
    affine[(2, 1, 0), (0, 1, 2)] = spacing_mm
    affine[3, 3] = 1
    return affine


def channel_names(axis: Sequence[int]) -> tuple[str, ...]:
    """Names for the channels of an array whose shape ends in ``axis``: none or one number."""
    if not axis or axis[0] == 1:
        return ("",)
    return ("red", "green", "blue") if axis[0] == 3 else tuple(str(number) for number in range(axis[0]))


def on_grid_of(path: Path, label: Image, image: Image, what: str = "the image") -> Array:
    """The voxels of ``label`` (read from ``path``) on the grid of ``image``, turned where only the order differs.

    Raises:
        BadInput: the two are not the same grid in space; the sentence holds both numbers.
    """
    if len(label.spacing_mm) != len(image.spacing_mm):
        fact = f"has the shape {label.grid} where {what} has {image.grid}"
        raise BadInput(path, fact, "pair files of the same dimension")
    if label.source is None or image.source is None:
        return _same_shape(path, label, image, what)
    matched = _matched(label, image)
    if matched is None:
        raise BadInput(path, _disagreement(label, image, what), "resample it onto the image's grid, or pair it anew")
    order, flips = matched
    channels = range(len(order), label.voxels.ndim)
    turned = label.voxels.transpose(*order, *channels)
    return turned[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]


def _same_shape(path: Path, label: Image, image: Image, what: str) -> Array:
    """The label's voxels where at most one of the two files knows its place in space."""
    flat = len(image.spacing_mm) == 2
    if not flat and (label.source is None) != (image.source is None):
        without = "it" if label.source is None else what
        fact = f"cannot be laid over {what}, because {without} holds no orientation"
        raise BadInput(path, fact, "save both as NIfTI or NRRD with the same affine")
    if label.grid != image.grid:
        fact = f"has the shape {label.grid} where {what} has {image.grid}"
        raise BadInput(path, fact, "pair it with the image it was drawn on")
    return label.voxels


def _matched(label: Image, image: Image) -> tuple[list[int], list[bool]] | None:
    """Order and flips that turn the label's array into the image's, or None where the grids differ."""
    between = np.linalg.inv(image.affine) @ label.affine
    turn = np.rint(between[:3, :3])
    if not np.array_equal(np.abs(turn) @ np.ones(3), np.ones(3)) or round(abs(np.linalg.det(turn))) != 1:
        return None
    label_size, image_size = _size(label), _size(image)
    order = [int(np.flatnonzero(row)[0]) for row in turn]
    flips = [bool(row[axis] < 0) for row, axis in zip(turn, order, strict=True)]
    if tuple(label_size[axis] for axis in order) != image_size:
        return None
    exact = np.eye(4)
    exact[:3, :3] = turn
    exact[:3, 3] = [size - 1 if flip else 0 for flip, size in zip(flips, image_size, strict=True)]
    corners = _corners(label_size)
    if np.abs((between - exact) @ corners).max() > TOLERANCE:
        return None
    if len(image.spacing_mm) == 2:
        return ([axis - 1 for axis in order[1:]], flips[1:]) if order[0] == 0 else None
    return order, flips


def _size(image: Image) -> tuple[int, ...]:
    return image.grid if len(image.grid) == 3 else (1, *image.grid)


def _corners(size: Sequence[int]) -> Array:
    """(4, 8): the homogeneous indices of a grid's corner voxels."""
    return np.array([(*corner, 1) for corner in itertools.product(*((0, n - 1) for n in size))], np.float64).T


def _disagreement(label: Image, image: Image, what: str) -> str:
    """What differs first: place altogether, shape, spacing, direction, or offset; always both numbers."""
    here, there = (grid.affine @ _corners(_size(grid)) for grid in (label, image))
    lows, highs = (end(axis=1)[:3] for end in (here.min, here.max)), (end(axis=1)[:3] for end in (there.min, there.max))
    (low, high), (low_image, high_image) = lows, highs
    margin = max(*label.spacing_mm, *image.spacing_mm)
    if (low > high_image + margin).any() or (high < low_image - margin).any():
        return (
            f"lies outside its image: it spans {_span(low, high)} mm where {what} spans {_span(low_image, high_image)}"
        )
    if sorted(label.grid) != sorted(image.grid):
        return f"has the shape {label.grid} where {what} has {image.grid}"
    if not np.allclose(sorted(label.spacing_mm), sorted(image.spacing_mm), rtol=1e-3):
        return f"has a spacing of {_numbers(label.spacing_mm)} mm where {what} has {_numbers(image.spacing_mm)} mm"
    first, first_image = label.affine[:3, 3], image.affine[:3, 3]
    apart = float(np.abs(here - there).max())
    places = f"first voxel at {_numbers(first)} mm against {_numbers(first_image)} mm in RAS"
    return f"lies up to {apart:.4g} mm away from {what} or is turned against it ({places})"


def _numbers(values: Sequence[float] | Array) -> str:
    return "(" + ", ".join(f"{float(value):.5g}" for value in values) + ")"


def _span(low: Array, high: Array) -> str:
    return f"{_numbers(low)} to {_numbers(high)}"
