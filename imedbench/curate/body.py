"""The patient, apart from the table, blankets and tubes."""

from dataclasses import dataclass
from typing import Self

import cc3d
import numpy as np
from scipy.ndimage import binary_fill_holes

from imedbench.curate.grid import Distances, Grid, Spacing
from imedbench.curate.settings import TissueSettings
from imedbench.types import Array, Mask

_SHARE = 0.02
"""Of the largest body part, which an arm or a leg beside it has at least."""
_AIR_HU = -1100.0
"""Less than air has, noise included; scanners fill what they did not reconstruct with -2000, -2048 or -3024."""


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """A CT and where the patient is in it."""

    voxels: Array
    """(z, y, x) in Hounsfield units; z runs from the feet to the head, y to the front, x to the patient's right."""
    spacing_mm: Spacing
    grid: Grid
    hu: Distances
    """Means of the grid's blocks."""
    body: Mask
    """Of the grid's blocks."""
    beyond: Mask
    """Of the grid's blocks: outside the circle that was reconstructed, where the body may go on."""

    @classmethod
    def of(cls, voxels: Array, spacing_mm: Spacing, settings: TissueSettings) -> Self:
        """Finds the patient."""
        grid = Grid.of((voxels.shape[0], voxels.shape[1], voxels.shape[2]), spacing_mm, settings.grid_mm)
        hu = grid.means(voxels)
        body = find_body(hu, grid, settings)
        near = grid.grown(_beyond(voxels, hu), 1.5 * max(grid.spacing_mm[1:]))
        return cls(voxels, spacing_mm, grid, hu, body, near & ~body)

    def rim(self, mm: float) -> Mask:
        """What of the body is so near to its skin; where the scan cuts it off there is none."""
        return self.grid.rim(self.body | self.beyond, mm) & self.body


def _beyond(voxels: Array, hu: Distances) -> Mask:
    """What holds less than any air has: the value that a scanner fills with what it did not reconstruct."""
    lowest = float(voxels.min())
    if lowest > _AIR_HU:
        return np.zeros(hu.shape, np.bool_)
    found: Mask = hu < (lowest + _AIR_HU) / 2
    return found


def find_body(hu: Distances, grid: Grid, settings: TissueSettings) -> Mask:
    """Where the patient is, gas inside included; nothing where there is none.

    What is thinner than a body part is left out: sheets, tubes, the top of a table. So is what is thick, but much
    smaller than a limb.
    """
    solid = hu > settings.body_hu
    cores = cc3d.connected_components(grid.shrunk(solid, settings.table_mm + max(grid.spacing_mm) / 2), connectivity=6)
    sizes = np.bincount(cores.ravel())
    sizes[0] = 0
    if not sizes.any():
        return np.zeros(hu.shape, np.bool_)
    kept = sizes >= max(1.0, _SHARE * sizes.max())
    near = grid.grown(kept[cores], settings.table_mm + 2 * max(grid.spacing_mm))
    body: Mask = near & solid
    return np.stack([binary_fill_holes(plane) for plane in body])
