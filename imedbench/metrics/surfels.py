"""How much surface lies in the cube between 2 x 2 x 2 voxel centres, for each way in which they can be in or out.

The surface cuts each edge of the cube between an inner and an outer voxel in the middle. The cuts around a face are
joined; where a face has two inner voxels on one diagonal and two outer ones on the other, the joins cut off the voxels
of the side, inner or outer, that has fewer in the cube (the inner ones where both have four). Joined cuts make closed
polygons. A polygon is not flat in general: of all ways to divide it into triangles it gets one of largest area in a
cube with unit edges (those that tie have the same area whatever the spacing). So built, the areas agree with the table
of DeepMind's surface-distance package for every code and spacing.
"""

from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, ...]
Reals = NDArray[np.float64]


@lru_cache(maxsize=16)
def surfel_areas(spacing_mm: tuple[float, ...]) -> Reals:
    """Area in mm² (256 codes, three axes) or length in mm (16 codes, two axes) of the surface at a code.

    A code has bit k set where corner k is inside; corners are numbered in array order, the last axis fastest.
    """
    if len(spacing_mm) == 2:
        return _lengths(spacing_mm)
    high, middle, low = spacing_mm
    scale = np.array([middle * low, high * low, high * middle])
    areas = np.zeros(256)
    for code in range(256):
        for normal in _normals(code):
            areas[code] += np.linalg.norm(normal * scale)
    return areas


def _lengths(spacing_mm: tuple[float, ...]) -> Reals:
    """The same in two dimensions, where a square is crossed by at most two straight joins."""
    lengths = np.zeros(16)
    for code in range(16):
        for one, other in _joins(_inside(code, 2), ((0, 1, 3, 2),)):
            lengths[code] += np.linalg.norm((np.array(one) - other) * spacing_mm)
    return lengths


_CORNERS = {axes: tuple(product((0, 1), repeat=axes)) for axes in (2, 3)}
_FACES = ((0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5))
"""The corners of the cube around each of its faces."""


def _inside(code: int, axes: int) -> tuple[bool, ...]:
    return tuple(bool(code >> corner & 1) for corner in range(1 << axes))


@cache
def _normals(code: int) -> tuple[Reals, ...]:
    """For each triangle of the surface its area, as the sizes of its projections along each axis."""
    chosen: list[Reals] = []
    for polygon in _polygons(_joins(_inside(code, 3), _FACES)):
        ways = [
            [_projections(*(polygon[corner] for corner in triangle)) for triangle in way]
            for way in _divisions(0, len(polygon) - 1)
        ]
        chosen += max(ways, key=lambda way: sum(float(np.linalg.norm(normal)) for normal in way))
    return tuple(chosen)


def _joins(inside: tuple[bool, ...], faces: tuple[tuple[int, ...], ...]) -> list[tuple[Point, Point]]:
    """The straight lines in which the surface meets the faces, as pairs of cut edges' middles."""
    corners = _CORNERS[2 if len(inside) == 4 else 3]
    few = 2 * sum(inside) <= len(inside)
    joins = []
    for face in faces:
        ring = [(face[turn - 1], face[turn]) for turn in range(4)]
        cuts = [tuple((a + b) / 2 for a, b in zip(corners[one], corners[other], strict=True)) for one, other in ring]
        crossed = [turn for turn, (one, other) in enumerate(ring) if inside[one] != inside[other]]
        if len(crossed) == 2:
            joins.append((cuts[crossed[0]], cuts[crossed[1]]))
        elif crossed:
            joins += [(cuts[turn], cuts[(turn + 1) % 4]) for turn in range(4) if inside[face[turn]] == few]
    return joins


def _polygons(joins: list[tuple[Point, Point]]) -> Iterator[list[Point]]:
    """The closed chains that the joins make; each point belongs to two joins."""
    left = list(joins)
    while left:
        chain = list(left.pop())
        while chain[-1] != chain[0]:
            follows = next(join for join in left if chain[-1] in join)
            left.remove(follows)
            chain.append(follows[0] if follows[1] == chain[-1] else follows[1])
        yield chain[:-1]


def _divisions(first: int, last: int) -> Iterator[list[tuple[int, int, int]]]:
    """All ways to divide the polygon with these corners into triangles."""
    if last - first < 2:
        yield []
    for middle in range(first + 1, last):
        for left, right in product(list(_divisions(first, middle)), list(_divisions(middle, last))):
            yield [*left, (first, middle, last), *right]


def _projections(*triangle: Point) -> Reals:
    origin, one, other = (np.array(point) for point in triangle)
    return np.abs(np.cross(one - origin, other - origin)) / 2
