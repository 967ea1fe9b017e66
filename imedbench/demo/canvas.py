"""A space in millimetres into which soft-edged shapes are painted: intensities and labels at once.

Places are patient millimetres (z, y, x) about the middle of the field of view, growing to the head, the front and the
patient's right. A shape is a field of signed distances in millimetres, negative inside.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Field: TypeAlias = NDArray[np.floating[Any]]
Box: TypeAlias = tuple[slice, ...]
Point: TypeAlias = tuple[float, float, float]

AIR_HU = -1000.0
WARP_MM = 2.5
FAR_MM = 1e3
DOMAIN_MM = (300.0, 240.0, 240.0)
"""Half the space that noise is defined on: a seed means the same anatomy at any resolution."""


class Region(NamedTuple):
    """A box of the canvas with the anatomical coordinates of its voxels."""

    box: Box
    z: Field
    y: Field
    x: Field


class Canvas:
    """Hounsfield units and labels on one grid.

    The anatomical coordinates of a voxel are its place in millimetres, scaled by the patient's size and bent by a
    smooth random field, so that no painted shape is a perfect ellipsoid and all stay nested as they should.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        spacing_mm: Point,
        rng: np.random.Generator,
        *,
        size: float = 1.0,
        height_mm: float = 0.0,
    ) -> None:
        self.shape, self.size = shape, size
        self.axes = tuple((np.arange(n) - (n - 1) / 2) * step for n, step in zip(shape, spacing_mm, strict=True))
        self.axes[0][:] += height_mm
        self.spacing_mm = spacing_mm
        self.edge_mm = 1.2 * spacing_mm[2]
        self.hu: Field = np.full(shape, AIR_HU, np.float32)
        self.labels = np.zeros(shape, np.uint8)
        self.names: dict[str, int] = {}
        self.swell = self.noise(rng, 80.0)
        self.rough = self.noise(rng, 24.0)
        self.mottle = self.noise(rng, 7.0)
        level, depth, side = np.meshgrid(*self.axes, indexing="ij", sparse=True)
        self.z: Field = (level / size + WARP_MM * self.noise(rng, 110.0)).astype(np.float32)
        self.y: Field = (depth / size + WARP_MM * self.noise(rng, 110.0)).astype(np.float32)
        self.x: Field = (side / size + WARP_MM * self.noise(rng, 110.0)).astype(np.float32)

    @property
    def everywhere(self) -> Region:
        """The whole canvas."""
        return Region((slice(None), slice(None), slice(None)), self.z, self.y, self.x)

    def around(self, low: Sequence[float], high: Sequence[float]) -> Region:
        """The box from ``low`` to ``high`` (anatomical millimetres), with room for the bending."""
        room = 3.5 * WARP_MM + self.edge_mm
        spans = zip(self.axes, low, high, strict=True)
        first_last = (
            np.searchsorted(axis, ((near - room) * self.size, (far + room) * self.size)) for axis, near, far in spans
        )
        box = tuple(slice(max(int(first) - 1, 0), int(last) + 1) for first, last in first_last)
        return Region(box, self.z[box], self.y[box], self.x[box])

    def noise(self, rng: np.random.Generator, wavelength_mm: float) -> Field:
        """Smooth noise of about unit deviation whose bumps are ``wavelength_mm`` apart."""
        step = wavelength_mm / 2
        nodes = [int(2 * half / step) + 4 for half in DOMAIN_MM]
        coarse = rng.standard_normal(nodes, np.float32)
        for axis in (2, 1, 0):
            basis = _spline_basis((self.axes[axis] / self.size + DOMAIN_MM[axis]) / step, nodes[axis])
            coarse = np.moveaxis(np.tensordot(coarse, basis, axes=(axis, 1)), -1, axis)
        # A cubic B-spline keeps 0.48 of the variance of white nodes along each axis.
        return np.ascontiguousarray(coarse / np.float32(0.48**1.5))

    def paint(self, box: Box, distance: Field, hu: float | Field, name: str | None = None) -> None:
        """Mixes ``hu`` in where ``distance`` is negative, with a partial-volume edge.

        Voxels inside are labelled ``name``; an empty name clears their label, None leaves it.
        """
        share = np.clip(0.5 - distance / self.edge_mm, 0, 1).astype(np.float32)
        view = self.hu[box]
        view += share * (hu - view)
        if name is not None:
            self.mark(box, distance < 0, name)

    def mark(self, box: Box, inside: NDArray[np.bool_], name: str) -> None:
        """Labels voxels, whatever they were."""
        self.labels[box][inside] = self.number(name)

    def number(self, name: str) -> int:
        """The label of a name, a new one the first time; 0 for the empty name."""
        return self.names.setdefault(name, len(self.names) + 1) if name else 0

    def labelled(self, box: Box, names: Sequence[str]) -> NDArray[np.bool_]:
        """Where the label is one of these names."""
        return np.isin(self.labels[box], [self.names[name] for name in names if name in self.names])

    def at(self, field: Field, point: Iterable[float]) -> float:
        """The value of a field at a place in anatomical millimetres (the bending aside)."""
        place = (
            int(np.clip(round((value * self.size - axis[0]) / step), 0, len(axis) - 1))
            for axis, step, value in zip(self.axes, self.spacing_mm, point, strict=False)
        )
        return float(field[tuple(place)])

    def capsules(self, segments: NDArray[np.float64]) -> tuple[Region, Field]:
        """Distance to the union of round-ended cones; ``segments`` is (n, 2, 4): z, y, x, radius at both ends."""
        reach = segments[..., 3].max(axis=1)
        lows = segments[..., :3].min(axis=1) - reach[:, None]
        highs = segments[..., :3].max(axis=1) + reach[:, None]
        region = self.around(tuple(lows.min(axis=0)), tuple(highs.max(axis=0)))
        distance = np.full(region.z.shape, FAR_MM, np.float32)
        for ends, low, high in zip(segments.astype(np.float32), lows, highs, strict=True):
            near = self.around(tuple(low), tuple(high))
            inner = tuple(slice(n.start - r.start, n.stop - r.start) for n, r in zip(near.box, region.box, strict=True))
            view = distance[inner]
            np.minimum(view, _capsule(near, ends), out=view)
        return region, distance

    def ellipsoid(self, centre: Point, radii: Point, tilt: Point = (0.0, 0.0, 0.0)) -> tuple[Region, Field]:
        """Distance to an ellipsoid turned by ``tilt`` degrees about the z, y and x axes, in that order."""
        reach = max(radii) if any(tilt) else 0.0
        half = [max(reach, radius) + 4 for radius in radii]
        low = tuple(middle - extent for middle, extent in zip(centre, half, strict=True))
        high = tuple(middle + extent for middle, extent in zip(centre, half, strict=True))
        region = self.around(low, high)
        return region, ellipsoid_distance(region, centre, radii, tilt)


def ellipsoid_distance(region: Region, centre: Point, radii: Point, tilt: Point = (0.0, 0.0, 0.0)) -> Field:
    """Approximate distance to an ellipsoid, exact in sign."""
    local = [field - np.float32(middle) for field, middle in zip(region[1:], centre, strict=True)]
    for (first, second), degrees in zip(((1, 2), (0, 2), (0, 1)), tilt, strict=True):
        if degrees:
            cosine, sine = np.float32(np.cos(np.radians(degrees))), np.float32(np.sin(np.radians(degrees)))
            one, other = local[first], local[second]
            local[first], local[second] = cosine * one + sine * other, cosine * other - sine * one
    squares = [(part / np.float32(radius)) ** 2 for part, radius in zip(local, radii, strict=True)]
    steep = [square / np.float32(radius**2) for square, radius in zip(squares, radii, strict=True)]
    level = np.sqrt(squares[0] + squares[1] + squares[2])
    slope = np.sqrt(steep[0] + steep[1] + steep[2]) + np.float32(1e-6)
    distance: Field = level * (level - 1) / slope
    return distance


def joined(one: Field, other: Field, blend_mm: float) -> Field:
    """Distance to the union of two shapes, rounded over ``blend_mm`` where they meet."""
    meeting = np.maximum(blend_mm - np.abs(one - other), 0) / np.float32(blend_mm)
    return np.minimum(one, other) - meeting**2 * np.float32(blend_mm / 4)


def shared(one: Field, other: Field, blend_mm: float) -> Field:
    """Distance to what two shapes have in common, its edges rounded over ``blend_mm``."""
    return -joined(-one, -other, blend_mm)


def _capsule(near: Region, ends: Field) -> Field:
    start, axis = ends[0], ends[1] - ends[0]
    offset = [field - start[k] for k, field in enumerate(near[1:])]
    along = offset[0] * axis[0] + offset[1] * axis[1] + offset[2] * axis[2]
    along = np.clip(along / max(float(axis[:3] @ axis[:3]), 1e-6), 0, 1)
    apart = sum((part - along * axis[k]) ** 2 for k, part in enumerate(offset))
    distance: Field = np.sqrt(apart) - (start[3] + along * axis[3])
    return distance


def _spline_basis(places: Field, nodes: int) -> Field:
    """(n, nodes): cubic B-spline weights of the nodes at each place."""
    cell = np.clip(np.floor(places).astype(int), 0, nodes - 4)
    t = np.clip(places - cell, 0, 1)
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    basis = np.zeros((len(places), nodes), np.float32)
    for offset, weight in enumerate(weights):
        basis[np.arange(len(places)), cell + offset] = weight / 6
    return basis
