"""Where the structures of a volume lie, and what anatomy says of that."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from imedbench.curate.classes import Classes
from imedbench.curate.grid import Grid

UP, FRONT, RIGHT = range(3)
"""Axes of (z, y, x), by the direction in which they count."""
_LEAST_ML = 0.5
"""Smaller structures lie anywhere."""
_FEW = {UP: 4, FRONT: 4, RIGHT: 2}
"""Facts, fewer than which say nothing of a whole volume: one wrong name is a fact or two."""
_SPINE = ("vertebrae_*",)
_BEYOND: dict[int, tuple[tuple[str, tuple[str, ...]], ...]] = {
    UP: (
        ("lung_upper_lobe_left", ("lung_lower_lobe_left",)),
        ("lung_upper_lobe_right", ("lung_lower_lobe_right",)),
        ("heart*", ("kidney_*", "urinary_bladder")),
        ("liver", ("hip_*", "urinary_bladder")),
        ("spleen", ("hip_*", "sacrum")),
        ("hip_left", ("femur_left",)),
        ("hip_right", ("femur_right",)),
        ("skull", ("clavicula_*", "scapula_*")),
        ("brain", ("clavicula_*", "heart*")),
    ),
    FRONT: (
        ("sternum", _SPINE),
        ("heart*", _SPINE),
        ("liver", _SPINE),
        ("stomach", _SPINE),
        ("pancreas", _SPINE),
        ("small_bowel", _SPINE),
        ("urinary_bladder", ("sacrum",)),
        ("trachea", _SPINE),
        ("face", ("brain",)),
    ),
    RIGHT: (
        ("liver", ("spleen", "stomach", "heart*")),
        ("gallbladder", ("stomach", "spleen")),
        ("inferior_vena_cava", ("aorta",)),
    ),
}
"""What lies further along an axis than what: organs that differ in that by centimetres."""

Place = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Structures of at least half a millilitre."""

    centres: dict[str, Place]
    """(z, y, x) in millimetres from the volume's lower, rear, left corner; in the order of the classes."""

    @classmethod
    def of(cls, labels: NDArray[np.uint8], classes: Classes, grid: Grid) -> Self:
        """Those of labels (z, y, x), from one voxel a block."""
        told = grid.middles(labels)
        where = np.nonzero(told)
        numbers = told[where]
        counts = np.bincount(numbers, minlength=256)
        sums = np.stack([np.bincount(numbers, axis, 256) for axis in where], 1)
        found = {
            name: sums[number] / counts[number] * grid.spacing_mm
            for number, name in enumerate(classes.names, 1)
            if counts[number] * grid.voxel_ml >= _LEAST_ML
        }
        return cls(found)

    def like(self, *patterns: str) -> list[str]:
        """Names that fit."""
        return [name for name in self.centres if any(fnmatchcase(name, pattern) for pattern in patterns)]

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Left and right of what there is on both sides; the halves of the heart are not beside each other."""
        for name in self.centres:
            twin = name.replace("_left", "_right")
            if "_left" in name and twin in self.centres and not name.startswith("heart"):
                yield name, twin

    def spine(self) -> list[str]:
        """Vertebrae from the first of the neck downwards, then the sacrum."""
        parts = {"C": 0, "T": 1, "L": 2, "S": 3}
        found = self.like("vertebrae_[CTL]*")
        ordered = sorted(found, key=lambda name: (parts[name[10]], int(name[11:])))
        return [*ordered, *self.like("sacrum")]

    def ribs(self, side: str) -> list[str]:
        """Of one side, from the first to the tenth; the last two end free and may lie higher."""
        return [f"rib_{side}_{number}" for number in range(1, 11) if f"rib_{side}_{number}" in self.centres]

    def agreement(self, axis: int) -> float | None:
        """The share of what is known of organs along an axis that is so here; None where there is too little.

        Pairs of left and right are not asked here: see `sides`.
        """
        spine = self.spine()[:-1] if "sacrum" in self.centres else self.spine()
        told = [(name, other) for name, others in _BEYOND[axis] for name, other in self._both(name, others)]
        if axis == UP:
            told += [*pairwise(spine), *pairwise(self.ribs("left")), *pairwise(self.ribs("right"))]
        return self._share(axis, told)

    def sides(self) -> float | None:
        """The share of pairs whose left is on the left; None where there are too few."""
        return self._share(RIGHT, [(right, left) for left, right in self.pairs()])

    def _both(self, pattern: str, others: Sequence[str]) -> Iterator[tuple[str, str]]:
        for name in self.like(pattern):
            for other in self.like(*others):
                yield name, other

    def _share(self, axis: int, told: Sequence[tuple[str, str]]) -> float | None:
        if len(told) < _FEW[axis]:
            return None
        return float(np.mean([self.centres[far][axis] > self.centres[near][axis] for far, near in told]))
