"""How long a drawn stroke is, of which only the voxels are known."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def stroke_length(voxels: NDArray[np.integer], spacing_mm: Sequence[float]) -> tuple[float, int]:
    """Length in mm along the middle of a stroke, and how many pieces it has.

    Voxels that touch, by a corner at least, are one piece: the pen was lifted in between, and what it skipped is not
    counted. A piece may be several voxels wide, may fork and may close. It is walked from one of its ends, voxel by
    voxel; those equally many steps away and beside each other are one stop, and the length is the sum of the straight
    lines between the middles of the stops that follow each other. A single voxel has no length.

    Args:
        voxels: (n, axes) integers, in any order, each at least once.
        spacing_mm: distance between voxel centres, one an axis.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    places = np.unique(np.asarray(voxels, np.int64), axis=0)
    if not len(places):
        return 0.0, 0
    beside = cKDTree(places).query_pairs(1.0, p=np.inf, output_type="ndarray")

    def parts(pairs: Integers) -> tuple[int, Integers]:
        graph = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), (len(places),) * 2)
        count, part = connected_components(graph, directed=False)
        return int(count), part.astype(np.int64)

    pieces, piece = parts(beside)
    steps = _steps(beside, piece, pieces)
    stops, stop = parts(beside[steps[beside[:, 0]] == steps[beside[:, 1]]])
    sizes = np.bincount(stop, minlength=stops)
    middles = np.stack(
        [np.bincount(stop, along, stops) / sizes * step for along, step in zip(places.T, spacing_mm, strict=True)]
    )
    joins = np.unique(np.sort(stop[beside], axis=1), axis=0)
    return float(np.linalg.norm(middles[:, joins[:, 0]] - middles[:, joins[:, 1]], axis=0).sum()), pieces


def _steps(beside: Integers, piece: Integers, pieces: int) -> Integers:
    """How many steps each voxel is from an end of its piece."""
    start = np.unique(piece, return_index=True)[1]
    for _ in range(2):
        steps = _steps_from(start, beside, len(piece))
        # The voxel farthest from anywhere in a piece is an end of it.
        farthest = np.lexsort((steps, piece))
        start = farthest[np.searchsorted(piece[farthest], np.arange(pieces), side="right") - 1]
    return _steps_from(start, beside, len(piece))


def _steps_from(start: Integers, beside: Integers, count: int) -> Integers:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    graph = coo_array((np.ones(len(beside)), (beside[:, 0], beside[:, 1])), (count, count)).tocsr()
    found: NDArray[np.float64] = dijkstra(graph, directed=False, indices=start, unweighted=True, min_only=True)
    return found.astype(np.int64)
