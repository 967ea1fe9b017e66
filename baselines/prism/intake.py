"""How a volume comes to PRISM: at one spacing, intensities cut at two values and normalised; and the way back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from pydantic import ConfigDict, PositiveFloat, model_validator
from pydantic.dataclasses import dataclass as checked

from imedbench.types import Array, Image, Mask

Voxels = NDArray[np.float32]
_PERCENTILES = (0.5, 99.5)
_LEAST = 1e-3
"""Deviation that is still divided by."""


@checked(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Intake:
    """What is done to the intensities of one data set."""

    low: float
    """Smaller intensities become this."""
    high: float
    mean: float = 0.0
    """Taken away after that."""
    std: PositiveFloat = 1.0
    """Divided by, last."""
    spacing_mm: PositiveFloat = 1.0
    """Along all axes."""
    fill: float = 0.0
    """Intensity beyond the volume, before it is cut."""
    own: bool = False
    """Whether ``low`` and ``high`` are percentiles of each volume, which is then normalised by its own mean and
    deviation, as MR needs it; ``mean``, ``std`` and ``fill`` do not count then: beyond it is what is darkest."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            message = f"low is {self.low:g} and high {self.high:g}"
            raise ValueError(message)
        return self

    def normalise(self, voxels: Array) -> tuple[Voxels, float]:
        """A whole volume as float32, and what lies beyond it."""
        low, high, mean, std = self.low, self.high, self.mean, self.std
        if self.own:
            low, high = (float(each) for each in np.percentile(voxels, (self.low, self.high)))
        cut: Voxels = np.clip(voxels, low, high, dtype=np.float32)
        if self.own:
            mean, std = float(cut.mean()), max(float(cut.std()), _LEAST)
        fill = low if self.own else min(max(self.fill, low), high)
        normalised: Voxels = (cut - np.float32(mean)) / np.float32(std)
        return normalised, (fill - mean) / std


PUBLISHED: Mapping[str, Intake] = {
    "colon": Intake(-57, 175, 65.175035, 32.651197),
    "pancreas": Intake(-39, 204, 68.45214, 63.422806),
    "lits": Intake(-48, 163, 60.057533, 40.198017),
    "kits": Intake(-54, 247, 59.53867, 55.457336),
}
"""Of the published checkpoints, by data set; in Hounsfield units."""


def measure(inside: Iterable[Array], spacing_mm: float = 1.0) -> Intake:
    """For CT that there is no preset for, from the intensities inside its targets, one array a volume.

    Cut at the 0.5 and 99.5 percentiles, then normalised by mean and standard deviation (the paper, section 3).
    """
    values = np.concatenate([np.ravel(each).astype(np.float32) for each in inside])
    low, high = (float(each) for each in np.percentile(values, _PERCENTILES))
    if low >= high:
        low, high = low - 0.5, low + 0.5
    cut = values.clip(low, high)
    return Intake(low, high, float(cut.mean()), max(float(cut.std()), _LEAST), spacing_mm)


def of_each(spacing_mm: float = 1.0) -> Intake:
    """For whatever has no scale of its own: each volume by its own percentiles."""
    return Intake(*_PERCENTILES, spacing_mm=spacing_mm, own=True)


@dataclass(frozen=True, slots=True)
class Scaling:
    """Between an image's grid and one of another spacing; centres of the first voxels lie on each other."""

    grid: tuple[int, int, int]
    """(z, y, x) of the image."""
    factors: tuple[float, float, float]
    """Voxels of the other grid for one of the image's, along each axis."""

    @classmethod
    def to_spacing(cls, image: Image, spacing_mm: float) -> Self:
        """To the same spacing along all axes."""
        z, y, x = (each / spacing_mm for each in image.spacing_mm)
        return cls((image.grid[0], image.grid[1], image.grid[2]), (z, y, x))

    @property
    def scaled(self) -> tuple[int, int, int]:
        """(z, y, x) of the other grid."""
        z, y, x = (max(1, round(n * f)) for n, f in zip(self.grid, self.factors, strict=True))
        return z, y, x

    def down(self, voxels: Array) -> Voxels:
        """Intensities on the other grid, linearly between their neighbours."""
        return self._sample(voxels, sitk.sitkLinear)

    def mask(self, mask: Mask) -> Mask:
        """A mask on the other grid: that of the nearest voxel."""
        found: Mask = self._sample(mask.astype(np.uint8), sitk.sitkNearestNeighbor) > 0
        if mask.any() and not found.any():
            # It lies between the other grid's voxels.
            middle = np.argwhere(mask).mean(0) * self.factors
            found[tuple(int(min(round(at), n - 1)) for at, n in zip(middle, found.shape, strict=True))] = True
        return found

    @property
    def is_same(self) -> bool:
        """Whether nothing changes."""
        return all(abs(each - 1) < 1e-6 for each in self.factors)

    def _sample(self, voxels: Array, how: int) -> Voxels:
        if self.is_same:
            return voxels.astype(np.float32, copy=False)
        return _resampled(voxels, self.scaled, self.factors, how)


def _resampled(voxels: Array, grid: tuple[int, ...], factors: tuple[float, ...], how: int) -> Voxels:
    image: Any = sitk.GetImageFromArray(np.ascontiguousarray(voxels, np.float32))
    filled: Any = sitk.ResampleImageFilter()  # type: ignore[no-untyped-call]
    filled.SetInterpolator(how)
    filled.SetSize([int(each) for each in grid[::-1]])
    filled.SetOutputSpacing([1 / each for each in factors[::-1]])
    # What lies half a voxel beyond the last centre is that voxel.
    filled.UseNearestNeighborExtrapolatorOn()
    found: Voxels = sitk.GetArrayFromImage(filled.Execute(image))
    return found
