"""How doubtful a curated volume is: what a person would see at a glance, measured."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imedbench.curate.body import Scan
from imedbench.curate.classes import MUSCLE, SUBCUTANEOUS, TISSUES, VISCERAL, Classes
from imedbench.curate.places import RIGHT, Places
from imedbench.types import Mask

Check = Literal["share", "symmetry", "pair", "intensity", "jump"]
_SLAB_MM = 50.0
_LEAST_SHARE = 0.6
"""Of the body in a slab that has a label; gas counts as body."""
_UNEVEN = 0.35
"""Difference of a tissue's halves, left and right of the spine, as a share of both."""
_TWINS = 2.0
"""Times that a structure is as large as its twin."""
_JUMP = 0.35
"""Of a tissue's area from one slice of the grid to the next, as a share of its mean area there."""
_LEAST_ML = 30.0
"""Of what is compared: less is uneven by chance."""
_USUAL_HU = {MUSCLE: (15, 85), VISCERAL: (-115, -70), SUBCUTANEOUS: (-120, -80)}
"""Of a tissue's mean: Mitsiopoulos et al. 1998 and Aubrey et al. 2014 have the ranges of single voxels (see
`TissueSettings`); means lie well within them."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """One measure that is beyond its limit."""

    check: Check
    what: str
    """A sentence's end about the subject."""
    weight: float
    """How far beyond: the measure as a multiple of its limit, from 1."""


def doubts_of(scan: Scan, labels: NDArray[np.uint8], classes: Classes) -> list[Doubt]:
    """All of a volume with labels (z, y, x), the heaviest first; everything is looked at on the scan's grid."""
    told = scan.grid.middles(labels)
    places = Places.of(labels, classes, scan.grid)
    found = [
        *_shares(scan, told),
        *_uneven(scan, told, classes, places),
        *_twins(scan, told, classes, places),
        *_strange(scan, told, classes),
        *_jumps(scan, told, classes),
    ]
    return sorted(found, key=lambda doubt: -doubt.weight)


def _shares(scan: Scan, told: NDArray[np.uint8]) -> Iterator[Doubt]:
    """Slabs of the body that have few labels."""
    step = max(1, round(_SLAB_MM / scan.grid.spacing_mm[0]))
    for low in range(0, len(told), step):
        body = scan.body[low : low + step]
        if np.count_nonzero(body) * scan.grid.voxel_ml < _LEAST_ML:
            continue
        share = float((told[low : low + step][body] > 0).mean())
        if share < _LEAST_SHARE:
            where = f"{low * scan.grid.spacing_mm[0]:.0f} mm above the lower end"
            yield Doubt(
                "share", f"has a label in only {share:.0%} of the body, {where}", (1 - share) / (1 - _LEAST_SHARE)
            )


def _uneven(scan: Scan, told: NDArray[np.uint8], classes: Classes, places: Places) -> Iterator[Doubt]:
    """Tissues that lie on one side more than on the other, where arms do not explain it."""
    spine = places.spine()
    if not spine:
        return
    middle = round(float(np.mean([places.centres[name][RIGHT] for name in spine])) / scan.grid.spacing_mm[2])
    for name in (MUSCLE, SUBCUTANEOUS):
        mask = told == classes.number(name)
        left, right = (float(np.count_nonzero(half)) for half in (mask[..., :middle], mask[..., middle:]))
        if (left + right) * scan.grid.voxel_ml < _LEAST_ML:
            continue
        uneven = abs(left - right) / (left + right)
        if uneven > _UNEVEN:
            side = "left" if left > right else "right"
            what = f"has {max(left, right) / (left + right):.0%} of its {_plain(name)} on the {side}"
            yield Doubt("symmetry", what, uneven / _UNEVEN)


def _twins(scan: Scan, told: NDArray[np.uint8], classes: Classes, places: Places) -> Iterator[Doubt]:
    """Pairs of very different size that the scan shows whole."""
    counts = np.bincount(told.ravel(), minlength=256) * scan.grid.voxel_ml
    cut = {int(number) for axis in range(3) for end in (0, -1) for number in np.unique(told.take([end], axis))}
    for left, right in places.pairs():
        numbers = classes.number(left), classes.number(right)
        sizes = [float(counts[number]) for number in numbers]
        if cut & set(numbers) or max(sizes) < _LEAST_ML or "cyst" in left:
            continue
        ratio = max(sizes) / min(sizes)
        if ratio > _TWINS:
            what = f"has {sizes[0]:.0f} ml of {_plain(left)} and {sizes[1]:.0f} ml of {_plain(right)}"
            yield Doubt("pair", what, ratio / _TWINS)


def _strange(scan: Scan, told: NDArray[np.uint8], classes: Classes) -> Iterator[Doubt]:
    """Tissues whose mean is not usual."""
    for name, (low, high) in _USUAL_HU.items():
        values = scan.hu[told == classes.number(name)]
        if values.size * scan.grid.voxel_ml < _LEAST_ML:
            continue
        mean = float(np.median(values))
        beyond = max(low - mean, mean - high, 0.0)
        if beyond:
            what = f"has {_plain(name)} of {mean:.0f} HU in the median, where {low} to {high} are usual"
            yield Doubt("intensity", what, 1 + beyond / (high - low))


def _jumps(scan: Scan, told: NDArray[np.uint8], classes: Classes) -> Iterator[Doubt]:
    """Tissues whose area changes at once, while that of the body does not."""
    body = _areas(scan.body)
    for name in TISSUES:
        areas = _areas(told == classes.number(name))
        if areas.sum() * scan.grid.voxel_ml < _LEAST_ML or len(areas) < 3:
            continue
        jumps = np.abs(np.diff(areas)) / max(1.0, float(areas[areas > 0].mean()))
        calm = np.abs(np.diff(body)) / max(1.0, float(body.mean())) < _JUMP / 2
        jumps *= calm
        at = int(jumps.argmax())
        if jumps[at] > _JUMP:
            where = f"{(at + 1) * scan.grid.spacing_mm[0]:.0f} mm above the lower end"
            what = f"has {_plain(name)} whose area changes by {jumps[at]:.0%} of its mean at once, {where}"
            yield Doubt("jump", what, float(jumps[at]) / _JUMP)


def _areas(mask: Mask) -> NDArray[np.float64]:
    """Of each slice."""
    found: NDArray[np.float64] = mask.sum((1, 2), dtype=np.float64)
    return found


def _plain(name: str) -> str:
    return name.replace("_", " ")
