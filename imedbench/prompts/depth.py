"""How deep voxels lie in a region: exact Euclidean distances, on the part of the grid that matters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imedbench.types import Array, Mask

Spacing = tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A set of voxels, held as the part of the grid that it spans."""

    mask: Mask
    """True in the region; the array is its bounding box, or larger."""
    low: tuple[int, ...]
    """Where the array's first voxel lies in the grid."""
    depth: NDArray[np.float32] | None = None
    """`squared_depth` of the mask, where it is known."""

    @property
    def window(self) -> tuple[slice, ...]:
        """Where the array lies in the grid."""
        return tuple(slice(first, first + size) for first, size in zip(self.low, self.mask.shape, strict=True))

    def tight(self) -> "Region | None":
        """The same voxels in their bounding box; None where there are none."""
        box = bounds(self.mask)
        if box is None:
            return None
        low = tuple(first + part.start for first, part in zip(self.low, box, strict=True))
        return Region(np.ascontiguousarray(self.mask[box]), low)


def bounds(mask: Mask) -> tuple[slice, ...] | None:
    """The bounding box of what is true; None where nothing is."""
    box: list[slice] = []
    for axis in range(mask.ndim):
        # Each axis is searched in what the axes before it have left: the first search is the only one of the whole.
        left = mask[tuple(box)]
        others = tuple(other for other in range(mask.ndim) if other != axis)
        places = np.flatnonzero(left.any(axis=others))
        if not len(places):
            return None
        box.append(slice(int(places[0]), int(places[-1]) + 1))
    return tuple(box)


def region_of(mask: Mask) -> Region | None:
    """What is true in a mask of the whole grid, cropped; None where nothing is."""
    return Region(mask, (0,) * mask.ndim).tight()


def squared_depth(mask: Mask, spacing_mm: Spacing | None = None) -> NDArray[np.float32]:
    """Squared distance from each voxel of a region to the nearest voxel centre outside it; 0 outside.

    What lies beyond the array is outside. So the region's bounding box is enough, and the image's border is a border of
    the region: RITM and SAM-Med3D pad their masks with zeros, and CVPR 2025 pads the component's box. Squares keep
    ties exact: without spacing they are whole numbers.

    Args:
        mask: in two or three dimensions.
        spacing_mm: of the axes; one voxel along each where None.
    """
    import edt

    anisotropy = spacing_mm or (1.0,) * mask.ndim
    depth: NDArray[np.float32] = edt.edtsq(
        np.ascontiguousarray(mask), anisotropy=anisotropy, black_border=True, parallel=1
    )
    return depth


def rim(mask: Mask) -> Mask:
    """The voxels that have a face neighbour outside; what lies beyond the array is outside."""
    inner = np.pad(mask, 1)
    whole = inner.copy()
    for axis in range(mask.ndim):
        inner &= np.roll(whole, 1, axis)
        inner &= np.roll(whole, -1, axis)
    outermost: Mask = mask & ~inner[(slice(1, -1),) * mask.ndim]
    return outermost


def centroid(mask: Mask) -> Array:
    """(d,) mean position of the voxels that are true."""
    # Sums of projections: a list of all positions would take eight bytes a voxel and axis.
    total = np.count_nonzero(mask)
    means = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        counts = np.count_nonzero(mask, axis=others)
        means.append(float(counts @ np.arange(len(counts))) / total)
    return np.array(means)


def dilated(mask: Mask, radius: float) -> Mask:
    """All voxels at most ``radius`` voxels from one that is true."""
    box = bounds(mask)
    if box is None or radius <= 0:
        return mask.copy()
    reach = int(np.ceil(radius))
    wider = tuple(
        slice(max(0, part.start - reach), min(size, part.stop + reach))
        for part, size in zip(box, mask.shape, strict=True)
    )
    import edt

    # No black border here: what lies beyond the image is not part of the object.
    outside = edt.edtsq(np.ascontiguousarray(~mask[wider]), black_border=False, parallel=1)
    grown = np.zeros_like(mask)
    grown[wider] = outside <= radius**2
    return grown


def eroded(mask: Mask, radius: float) -> Mask:
    """The voxels more than ``radius`` voxels from what is not in the mask, the image's outside included.

    Where none is, the deepest ones.
    """
    found = region_of(mask)
    if found is None or radius <= 0:
        return mask.copy()
    depth = squared_depth(found.mask)
    kept = depth > radius**2
    if not kept.any():
        kept = depth == depth.max()
    shrunk = np.zeros_like(mask)
    shrunk[found.window] = kept
    return shrunk
