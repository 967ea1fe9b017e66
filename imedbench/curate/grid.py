"""A volume on voxels of a few millimetres: where body parts lie to each other does not need more."""

from dataclasses import dataclass
from typing import Self

import edt
import numpy as np
from numpy.typing import NDArray

from imedbench.types import Array, Mask

Spacing = tuple[float, float, float]
Distances = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Grid:
    """Blocks of a volume's voxels."""

    shape: tuple[int, int, int]
    """(z, y, x) of the volume."""
    factors: tuple[int, int, int]
    """Voxels of the volume in a block, along each axis; the last block of an axis may reach beyond the volume."""
    spacing_mm: Spacing
    """Of blocks."""

    @classmethod
    def of(cls, shape: tuple[int, int, int], spacing_mm: Spacing, wanted_mm: float) -> Self:
        """Blocks as large as is wanted at most, but of a voxel at least."""
        z, y, x = (max(1, int(wanted_mm / each + 1e-6)) for each in spacing_mm)
        return cls(shape, (z, y, x), (z * spacing_mm[0], y * spacing_mm[1], x * spacing_mm[2]))

    def means(self, voxels: Array) -> Distances:
        """Of each block, in float32; beyond the border its last voxels go on."""
        return np.stack(
            [self._mean(voxels[low : low + self.factors[0]]) for low in range(0, len(voxels), self.factors[0])]
        )

    def _mean(self, slices: Array) -> Distances:
        plane = slices.mean(0, dtype=np.float32)
        _, y, x = self.factors
        gaps = [-length % factor for length, factor in zip(plane.shape, (y, x), strict=True)]
        plane = np.pad(plane, [(0, gap) for gap in gaps], mode="edge")
        rows, columns = plane.shape[0] // y, plane.shape[1] // x
        found: Distances = plane.reshape(rows, y, columns, x).mean((1, 3), dtype=np.float32)
        return found

    def middles(self, labels: Array) -> Array:
        """The value in the middle of each block, or the nearest there is."""
        places = [
            np.minimum(np.arange(0, length, factor) + factor // 2, length - 1)
            for length, factor in zip(self.shape, self.factors, strict=True)
        ]
        return labels[np.ix_(*places)]

    def slice(self, blocks: Array, z: int) -> Array:
        """Slice ``z`` of the volume from values of blocks, each repeated."""
        _, y, x = self.factors
        plane = blocks[z // self.factors[0]]
        whole: Array = plane.repeat(y, 0).repeat(x, 1)[: self.shape[1], : self.shape[2]]
        return whole

    def depth(self, inside: Mask) -> Distances:
        """Millimetres from inside to outside; where the volume ends the inside goes on."""
        if inside.all():
            return np.full(inside.shape, np.inf, np.float32)
        found: Distances = edt.edt(np.ascontiguousarray(inside), anisotropy=self.spacing_mm)
        return found

    def distance(self, mask: Mask) -> Distances:
        """Millimetres to the nearest voxel of a mask; infinite without one."""
        return self.depth(~mask)

    def grown(self, mask: Mask, mm: float) -> Mask:
        """A mask with everything so near to it."""
        near: Mask = self.distance(mask) <= mm
        return near

    def rim(self, mask: Mask, mm: float) -> Mask:
        """What of a mask is so near to its border in space; its outermost voxels in the slice at least."""
        near: Mask = mask & (self.depth(mask) <= max(mm, *self.spacing_mm[1:]))
        return near

    def shrunk(self, mask: Mask, mm: float) -> Mask:
        """A mask without what is so near to its border; the volume's border is none."""
        deep: Mask = self.depth(mask) > mm
        return deep

    def closed(self, mask: Mask, mm: float) -> Mask:
        """A mask with gaps narrower than twice this."""
        return self.shrunk(self.grown(mask, mm), mm) | mask

    def opened(self, mask: Mask, mm: float) -> Mask:
        """A mask without what is thinner than twice this."""
        return self.grown(self.shrunk(mask, mm), mm) & mask

    @property
    def voxel_ml(self) -> float:
        """Volume of a block."""
        z, y, x = self.spacing_mm
        return z * y * x / 1000
