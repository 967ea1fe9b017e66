"""Connected pieces of labels: specks far from the structure that they are named after."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from imedbench.curate.classes import Classes
from imedbench.curate.findings import Finding
from imedbench.curate.grid import Spacing

_SHARE = 0.02
"""Of a structure's largest piece, up to which another piece of it is a speck."""
_FAR_MM = 10.0
"""Between the boxes of a speck and of the largest piece; what is nearer may hang on it by less than a voxel."""
_AROUND = 0.5
"""Of what touches a speck, which another structure has where the speck is taken for a part of it."""
_SCATTERED = (
    "costal_cartilages", "small_bowel", "colon", "duodenum", "stomach", "esophagus", "face", "skull", "heart*",
    "pulmonary_*", "portal_vein_and_splenic_vein", "*_artery_*", "*_vein*", "iliac_*", "autochthon_*", "rib_*",
    "humerus_*", "femur_*", "scapula_*", "kidney_cyst_*", "lung_*",
)  # fmt: skip
"""Structures that may well be seen in several pieces: thin ones, what a slice cuts twice, what the scan cuts off."""


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Connected pieces of one label each, 26 neighbours a voxel."""

    numbers: NDArray[np.unsignedinteger]
    """(z, y, x): of the piece; 0 where there is no label."""
    owners: NDArray[np.uint8]
    """(n + 1,): the label of each."""
    sizes: NDArray[np.int64]
    """(n + 1,): voxels."""
    boxes: Sequence[tuple[slice, slice, slice]]
    centres: NDArray[np.float64]
    """(n + 1, 3): in voxels."""

    @classmethod
    def of(cls, labels: NDArray[np.uint8]) -> Self:
        """Those of labels (z, y, x)."""
        numbers, count = cc3d.connected_components(labels, connectivity=26, return_N=True)
        told = cc3d.statistics(numbers, no_slice_conversion=False)
        owners = np.zeros(count + 1, np.uint8)
        for plane, values in zip(numbers, labels, strict=True):
            owners[plane] = values
        return cls(numbers, owners, told["voxel_counts"].astype(np.int64), told["bounding_boxes"], told["centroids"])

    def of_label(self, label: int) -> NDArray[np.int64]:
        """Numbers of a label's pieces, the largest first."""
        found = np.flatnonzero(self.owners == label)
        return found[np.argsort(-self.sizes[found], kind="stable")]

    def reaches_end(self, piece: int) -> bool:
        """Whether it touches the first or the last slice."""
        along = self.boxes[piece][0]
        return bool(along.start == 0 or along.stop == len(self.numbers))

    def gap_mm(self, piece: int, other: int, spacing_mm: Spacing) -> float:
        """Between the boxes of two."""
        sides = zip(self.boxes[piece], self.boxes[other], spacing_mm, strict=True)
        return float(np.linalg.norm([max(0, a.start - b.stop, b.start - a.stop) * mm for a, b, mm in sides]))


def without_specks(
    labels: NDArray[np.uint8], classes: Classes, spacing_mm: Spacing
) -> tuple[NDArray[np.uint8], list[Finding]]:
    """Labels (z, y, x) whose specks have the label around them or, where they lie far off, none.

    Larger second pieces are only told of, and structures that are often in pieces are left alone.
    """
    pieces, ml = Pieces.of(labels), float(np.prod(spacing_mm)) / 1000
    scattered = np.any([classes.like(pattern) for pattern in _SCATTERED], axis=0)
    found, findings = labels, []
    for number, name in enumerate(classes.names, 1):
        if scattered[number] or len(whole := pieces.of_label(number).tolist()) < 2:
            continue
        specks = [piece for piece in whole[1:] if pieces.sizes[piece] <= _SHARE * pieces.sizes[whole[0]]]
        new = {piece: _new_label(labels, pieces, piece, number) for piece in specks}
        wrong = [piece for piece in specks if new[piece] or pieces.gap_mm(piece, whole[0], spacing_mm) > _FAR_MM]
        if wrong:
            found = found.copy() if found is labels else found
            for piece in wrong:
                found[pieces.boxes[piece]][pieces.numbers[pieces.boxes[piece]] == piece] = new[piece]
            size = round(float(pieces.sizes[wrong].sum()) * ml, 4)
            findings.append(_told(name, size, len(wrong), sum(new[piece] > 0 for piece in wrong)))
        findings += _second(pieces, whole[: len(whole) - len(specks)], name, spacing_mm)
    return found, findings


def _told(name: str, ml: float, count: int, within: int) -> Finding:
    specks = "a speck" if count == 1 else f"{count} specks"
    if not within:
        return Finding("pieces", (name,), f"has {specks} of {ml:.2g} ml far from it", "cleared", ml)
    where = "within another structure" if within == count else f"far from it, {within} within another structure"
    return Finding("pieces", (name,), f"has {specks} of {ml:.2g} ml {where}", "renamed", ml)


def _new_label(labels: NDArray[np.uint8], pieces: Pieces, piece: int, own: int) -> int:
    """The label that most of what touches a piece has, or 0."""
    window = tuple(slice(max(0, side.start - 1), side.stop + 1) for side in pieces.boxes[piece])
    return _around(labels[window], pieces.numbers[window] == piece, own)


def _around(window: NDArray[np.uint8], inside: NDArray[np.bool_], own: int) -> int:
    shell = window[binary_dilation(inside) & ~inside]
    counts = np.bincount(shell[shell != own], minlength=1)
    best = int(counts.argmax())
    return best if counts[best] >= _AROUND * len(shell) else 0


def _second(pieces: Pieces, whole: Sequence[int], name: str, spacing_mm: Spacing) -> Iterator[Finding]:
    """What is too large for a speck, and cut off by neither end of the scan."""
    first, *others = whole
    for piece in others:
        if pieces.reaches_end(piece) or pieces.reaches_end(first):
            continue
        ml = round(float(pieces.sizes[piece] * np.prod(spacing_mm)) / 1000, 4)
        far = float(np.linalg.norm((pieces.centres[piece] - pieces.centres[first]) * spacing_mm))
        yield Finding("pieces", (name,), f"has a second piece of {ml:.3g} ml, {far:.0f} mm off", "review", ml)
