"""Muscle and fat of a CT, from its intensities and the labels that it has."""

from collections.abc import Iterator

import cc3d
import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from imedbench.curate.body import Scan
from imedbench.curate.classes import MUSCLE, SUBCUTANEOUS, VISCERAL, Classes
from imedbench.curate.grid import Spacing
from imedbench.curate.settings import TissueSettings
from imedbench.curate.zones import AIR, CAVITY, UNDER_SKIN, WALL, Zones, find_zones
from imedbench.types import Array, Mask

_BETWEEN = {"muscle": MUSCLE, "subcutaneous": SUBCUTANEOUS, "visceral": VISCERAL}
_SOFT_HU = (-200, 300)
"""What noise is measured in."""
_HELD = 3
"""Of eight neighbours, which are fat beyond doubt where a voxel beside gas is believed to be."""
_SLICES = 16
"""That noise is measured in, at most."""


def label_tissues(
    scan: Scan, labels: NDArray[np.uint8], classes: Classes, settings: TissueSettings
) -> tuple[NDArray[np.uint8], Zones]:
    """Labels with muscle and fat where there was none; labels that there are stay.

    Args:
        scan: the CT.
        labels: (z, y, x): numbers of ``classes``.
        classes: what the numbers mean.
        settings: the thresholds.

    Returns:
        A new array of labels, and the zones that they follow from.
    """
    grid, zones = scan.grid, find_zones(scan, labels, classes, settings)
    found = labels.copy()
    for z, plane in enumerate(_planes(scan.voxels, scan.spacing_mm, settings)):
        free = labels[z] == 0
        zone, muscular = grid.slice(zones.fatty, z), grid.slice(zones.muscular, z)
        fat, lean = _tissues(plane, zone, scan.spacing_mm, settings)
        found[z][free & lean & muscular] = classes.number(MUSCLE)
        found[z][free & fat & (zone == UNDER_SKIN)] = classes.number(SUBCUTANEOUS)
        found[z][free & fat & (zone == CAVITY)] = classes.number(VISCERAL)
        if settings.between != "none":
            found[z][free & fat & (zone == WALL)] = classes.number(_BETWEEN[settings.between])
    return found, zones


def noise_of(voxels: Array) -> float:
    """Deviation of the noise in a CT (z, y, x), in Hounsfield units; 0 without soft tissue.

    From second differences along rows, in which smooth anatomy vanishes, by their median, which edges do not move.
    """
    found = []
    low, high = _SOFT_HU
    for plane in voxels[:: -(-len(voxels) // _SLICES)]:
        values = plane.astype(np.float32)
        soft = (values > low) & (values < high)
        bends = values[:, 2:] - 2 * values[:, 1:-1] + values[:, :-2]
        found.append(np.abs(bends[soft[:, 2:] & soft[:, 1:-1] & soft[:, :-2]]))
    bends = np.concatenate(found)
    # Of normal noise: a median of 0.6745 deviations, and weights of 1, -2 and 1.
    return float(np.median(bends)) / 0.6745 / 6**0.5 if len(bends) else 0.0


def _planes(voxels: Array, spacing_mm: Spacing, settings: TissueSettings) -> Iterator[NDArray[np.float32]]:
    """Slices, smoothed where there is much noise."""
    noisy = settings.smooth_mm > 0 and noise_of(voxels) > settings.noise_hu
    across, along = settings.smooth_mm / spacing_mm[2], settings.smooth_mm / spacing_mm[1]
    for plane in voxels:
        values = plane.astype(np.float32)
        if noisy:
            values = cv2.GaussianBlur(values, (0, 0), across, sigmaY=along, borderType=cv2.BORDER_REPLICATE)
        yield values


def _tissues(
    plane: NDArray[np.float32], zone: NDArray[np.uint8], spacing_mm: Spacing, settings: TissueSettings
) -> tuple[Mask, Mask]:
    """Fat and lean by intensity; the rim of the body is no fat, and that of gas inside it only where fat goes on.

    Voxels that are thicker than the rim hold more of the fat below it than of the skin.
    """
    low, high = settings.fat_hu
    fat = (plane >= low) & (plane <= high)
    gas = plane < settings.gas_hu
    if gas.any():
        inside = _enclosed(gas, zone == AIR)
        steps = round(settings.rim_mm / min(spacing_mm[1:]))
        rim = _grown(inside, max(1, steps))
        sure = fat & ~rim & ~_grown(gas & ~inside, steps)
        fat = sure | fat & rim & (_around(sure) >= _HELD)
    low, high = settings.muscle_hu
    # The ranges are of whole numbers, and smoothed intensities are none: between the two is lean.
    lean: Mask = (plane > max(settings.fat_hu[1], low - 1)) & (plane <= high)
    return fat, lean


def _grown(mask: Mask, steps: int) -> Mask:
    """Of a slice; by voxels that share a side."""
    if not steps or not mask.any():
        return mask
    found: Mask = binary_dilation(mask, iterations=steps)
    return found


def _around(mask: Mask) -> NDArray[np.uint8]:
    """Of the eight neighbours of each voxel of a slice, how many are in a mask."""
    own: NDArray[np.uint8] = mask.view(np.uint8)
    three = np.asarray(cv2.boxFilter(own, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT), np.uint8)
    found: NDArray[np.uint8] = three - own
    return found


def _enclosed(gas: Mask, outside: Mask) -> Mask:
    """What of the gas in a slice is not joined to the air around the body."""
    parts = cc3d.connected_components(gas, connectivity=4)
    open_air = np.zeros(int(parts.max()) + 1, np.bool_)
    open_air[np.unique(parts[outside])] = True
    open_air[0] = True
    found: Mask = ~open_air[parts]
    return found
