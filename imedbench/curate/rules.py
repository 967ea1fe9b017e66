"""Checks of a subject's labels by rule, and the mending of what has one answer."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from imedbench.curate.body import Scan
from imedbench.curate.classes import Classes
from imedbench.curate.findings import Finding
from imedbench.curate.pieces import without_specks
from imedbench.curate.places import RIGHT, UP, Places

_APART_MM = 10.0
"""What lies nearer to its twin is on neither side of it."""
_WIDE, _NARROW = 1.7, 0.45
"""Of the usual distance of two vertebrae: where one more would fit between, and where two are one."""
_FEW = 3
"""Distances, fewer than which have no usual one."""
_SURE = 0.8
"""Of what is known of organs on either side, which must be so where all pairs have each other's names."""
_OUTSIDE_ML = 0.05
"""Of a structure beyond the patient's skin, below which nothing is said."""
_LAST, _NEXT = {"C": 7, "T": 12}, {"C": "T", "T": "L"}
"""Vertebrae of a part of the spine, and the part below it."""
_HU: tuple[tuple[str, float, float], ...] = (
    ("lung_*", -990, -200),
    ("trachea", -1020, -200),
    ("stomach", -900, 400),
    ("colon", -900, 400),
    ("small_bowel", -700, 400),
    ("duodenum", -500, 400),
    ("esophagus", -500, 400),
    ("face", -600, 600),
    ("vertebrae_*", 40, 1200),
    ("femur_*", 80, 1500),
    ("hip_*", 80, 1500),
    ("skull", 150, 2500),
    ("rib_*", 40, 1500),
    ("autochthon_*", -80, 120),
    ("gluteus_*", -80, 120),
    ("iliopsoas_*", -80, 150),
    ("*", -120, 2500),
)
"""Between which the mean of a structure lies, with and without contrast agent; the first pattern that fits."""
_LEAST_ML = 1.0
"""Of a structure whose mean says something."""


def mended(scan: Scan, labels: NDArray[np.uint8], classes: Classes) -> tuple[NDArray[np.uint8], list[Finding]]:
    """Labels (z, y, x) with right names and without what cannot be, and what was found.

    Exchanged names are given back, specks take the label around them or none, and what lies beyond the skin has none.
    Where more than one answer is possible nothing is changed: such findings are for review.
    """
    # As 50 of the published MR subjects are: https://github.com/wasserth/TotalSegmentator/issues/511
    if not labels.any():
        return labels, [Finding("empty", (), "has no structure with a label", "review")]
    labels, findings = _inside(scan, labels, classes)
    labels, specks = without_specks(labels, classes, scan.spacing_mm)
    names, renamed = _renamed(Places.of(labels, classes, scan.grid))
    labels = _exchanged(labels, names, classes)
    places = Places.of(labels, classes, scan.grid)
    findings += [
        *specks,
        *renamed,
        *_spine(places),
        *_ribs(places, labels, classes),
        *_intensities(scan, labels, classes),
    ]
    return labels, findings


def _inside(scan: Scan, labels: NDArray[np.uint8], classes: Classes) -> tuple[NDArray[np.uint8], list[Finding]]:
    """Without what lies beyond the skin by more than a block of the grid."""
    near = scan.grid.grown(scan.body, 1.8 * max(scan.grid.spacing_mm))
    outside = np.zeros(256, np.int64)
    found = labels
    for z, plane in enumerate(labels):
        beyond = ~scan.grid.slice(near, z) & (plane > 0)
        if beyond.any():
            outside += np.bincount(plane[beyond], minlength=256)
            found = found.copy() if found is labels else found
            found[z][beyond] = 0
    ml = float(np.prod(scan.spacing_mm)) / 1000
    sizes = [(name, round(float(outside[number]) * ml, 4)) for number, name in enumerate(classes.names, 1)]
    return found, [
        Finding("outside", (name,), f"has {size:.3g} ml outside the body", "cleared", size)
        for name, size in sizes
        if size >= _OUTSIDE_ML
    ]


def _renamed(places: Places) -> tuple[dict[str, str], list[Finding]]:
    """What each wrong name should be: left for right, and vertebrae that have their neighbour's name."""
    names, findings = _sides(places)
    spine = places.spine()
    wrong = [(upper, lower) for upper, lower in pairwise(spine) if _height(places, upper) < _height(places, lower)]
    touched = [name for pair in wrong for name in pair]
    ordered = sorted(spine, key=lambda name: -_height(places, name))
    exchange = {upper: lower for upper, lower in wrong} | {lower: upper for upper, lower in wrong}
    if not wrong:
        return names, findings
    if len(set(touched)) == len(touched) and ordered == [exchange.get(name, name) for name in spine]:
        names |= exchange
        findings += [Finding("order", pair, "have each other's name", "renamed") for pair in wrong]
    else:
        findings.append(
            Finding("order", tuple(dict.fromkeys(touched)), "do not follow each other down the spine", "review")
        )
    return names, findings


def _sides(places: Places) -> tuple[dict[str, str], list[Finding]]:
    """Pairs that have each other's name; where that is all pairs, organs must say that it is not the file's fault."""
    wrong = [
        (left, right)
        for left, right in places.pairs()
        if places.centres[left][RIGHT] - places.centres[right][RIGHT] > _APART_MM
    ]
    organs = places.agreement(RIGHT)
    if len(wrong) == len(list(places.pairs())) and (organs is None or organs < _SURE):
        what = "have each other's name, or left and right of the file are exchanged"
        return {}, [Finding("sides", pair, what, "review") for pair in wrong]
    names = {name: twin for pair in wrong for name, twin in (pair, pair[::-1])}
    return names, [Finding("sides", pair, "have each other's name", "renamed") for pair in wrong]


def _height(places: Places, name: str) -> float:
    return float(places.centres[name][UP])


def _exchanged(labels: NDArray[np.uint8], names: dict[str, str], classes: Classes) -> NDArray[np.uint8]:
    if not names:
        return labels
    table = np.arange(256, dtype=np.uint8)
    for name, right in names.items():
        table[classes.number(name)] = classes.number(right)
    found: NDArray[np.uint8] = table[labels]
    return found


def _spine(places: Places) -> list[Finding]:
    """Vertebrae between others that are missing, too far apart or too near."""
    spine = [name for name in places.spine() if name != "sacrum"]
    gaps = [float(np.linalg.norm(places.centres[a] - places.centres[b])) for a, b in pairwise(spine)]
    if len(gaps) < _FEW:
        return []
    findings = []
    for pair, gap, usual in zip(pairwise(spine), gaps, _usual(gaps), strict=True):
        room = gap / usual
        if room >= _WIDE:
            findings.append(Finding("order", pair, f"lie {gap:.0f} mm apart, as if one more were between", "review"))
        elif room <= _NARROW:
            findings.append(Finding("order", pair, f"lie {gap:.0f} mm apart, as if they were one", "review"))
        elif not _follow(*pair):
            findings.append(Finding("order", pair, "are neighbours, though others come between their names", "review"))
    return findings


def _usual(gaps: Sequence[float]) -> list[float]:
    """The median of each distance's neighbours: vertebrae grow towards the hip."""
    return [float(np.median(gaps[max(0, at - 3) : at + 4])) for at in range(len(gaps))]


def _follow(upper: str, lower: str) -> bool:
    """Whether no vertebra comes between two names."""
    part, number = upper[10], int(upper[11:])
    if number == _LAST.get(part):
        return lower[10:] == f"{_NEXT[part]}1"
    return lower[10:] == f"{part}{number + 1}"


def _ribs(places: Places, labels: NDArray[np.uint8], classes: Classes) -> list[Finding]:
    """Ribs of one side whose middles do not follow each other; of those that the scan cuts off nothing is known."""
    findings = []
    cut = set(np.unique(labels[[0, -1]]).tolist())
    for side in ("left", "right"):
        ribs = [name for name in places.ribs(side) if classes.number(name) not in cut]
        wrong = [pair for pair in pairwise(ribs) if _height(places, pair[0]) <= _height(places, pair[1])]
        if wrong:
            named = tuple(dict.fromkeys(name for pair in wrong for name in pair))
            findings.append(Finding("order", named, "do not follow each other down the chest", "review"))
    return findings


def _intensities(scan: Scan, labels: NDArray[np.uint8], classes: Classes) -> list[Finding]:
    """Structures whose mean is none of theirs."""
    told = scan.grid.middles(labels).ravel()
    counts = np.bincount(told, minlength=256)
    sums = np.bincount(told, scan.hu.ravel(), 256)
    findings = []
    for number, name in enumerate(classes.names, 1):
        if counts[number] * scan.grid.voxel_ml < _LEAST_ML:
            continue
        mean = sums[number] / counts[number]
        low, high = next((low, high) for pattern, low, high in _HU if classes.like(pattern)[number])
        if not low <= mean <= high:
            what = f"has a mean of {mean:.0f} HU, where {low:.0f} to {high:.0f} are usual"
            findings.append(Finding("intensity", (name,), what, "review"))
    return findings
