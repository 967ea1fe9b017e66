"""Masks as one row of unsigned integers: the form in which a store keeps them. FORMAT.md section 5 specifies it.

A row is a header, seven or eight facts a mask, and the runs as two streams: where they start and where they end, each
less the one before it and less a row of the grid. Runs are ordered so that the one before is, where there is one, the
run that lies above in the same object; then almost every step is a few voxels, and a mask takes about 90 bytes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imedbench.masks import Kind, MaskInfo, Masks, ranges

Words = NDArray[np.uint32]
Integers = NDArray[np.int64]

HEADER = 4
KINDS: tuple[Kind, ...] = ("gt", "interactive")
PER_UNIT_SCORE = 10_000
PER_VOXEL_POINT = 16
COUNT, TARGET, KIND, INSTANCE, SCORE, STABILITY, POINT = range(7)
# A step between runs must fit in 32 bits with its sign.
LARGEST_GRID = 2**31 - 2**24


class DamagedRow(ValueError):
    """A row of masks that contradicts itself; says how."""


def encode_masks(masks: Masks, targets: Mapping[str, int]) -> Words:
    """The row of these masks.

    Args:
        masks: on a 2-D or 3-D grid of fewer than 2^31 - 2^24 voxels.
        targets: the code of each target's name.

    Raises:
        ValueError: the grid is too large, a fact is not a finite number, or an instance is negative.
    """
    if np.prod(masks.shape, dtype=np.int64) >= LARGEST_GRID or masks.shape[-1] >= 2**24:
        message = f"a grid of {' x '.join(map(str, masks.shape))} voxels is too large for a row of masks"
        raise ValueError(message)
    width = masks.shape[-1]
    order = _track_order(masks)
    starts = masks.starts[order]
    ends = starts + masks.lengths[order]
    facts = _facts(masks, targets)
    head = [HEADER + len(masks.shape) + facts.size + 2 * len(starts), len(masks), len(starts), len(masks.shape)]
    return np.concatenate(
        [
            np.array([*head, *masks.shape], np.uint32),
            facts.reshape(-1).astype(np.uint32),
            _folded(np.diff(starts, prepend=0) - width).astype(np.uint32),
            _folded(np.diff(ends, prepend=0) - width).astype(np.uint32),
        ]
    )


def decode_masks(row: Words, names: Sequence[str]) -> Masks:
    """The masks of a row; zeros behind its end are allowed.

    Args:
        row: as `encode_masks` made it.
        names: the name of each target's code.

    Raises:
        DamagedRow: the row contradicts itself.
    """
    return MaskRow.of(row, names).decode()


@dataclass(frozen=True, slots=True, eq=False)
class MaskRow:
    """A row whose facts are known and whose runs are still to be read."""

    shape: tuple[int, ...]
    facts: Integers
    """(6 + dimensions, masks)."""
    steps: Words
    """(2, runs): steps between starts and between ends."""
    names: Sequence[str]

    @classmethod
    def of(cls, row: Words, names: Sequence[str]) -> "MaskRow":
        """Reads everything but the runs.

        Raises:
            DamagedRow: the header or the facts contradict themselves.
        """
        if len(row) < HEADER:
            message = f"a row of {len(row)} words has no header"
            raise DamagedRow(message)
        used, masks, runs, ndim = (int(word) for word in row[:HEADER])
        first = HEADER + ndim
        last = first + (POINT + ndim) * masks
        if ndim not in {2, 3} or used != last + 2 * runs or used > len(row):
            message = f"a row of {len(row)} words cannot hold {masks} masks of {runs} runs in {ndim} dimensions"
            raise DamagedRow(message)
        facts = row[first:last].reshape(POINT + ndim, masks).astype(np.int64)
        shape = tuple(int(word) for word in row[HEADER:first])
        if facts[COUNT].sum() != runs or 0 in shape or np.prod(shape, dtype=np.float64) >= LARGEST_GRID:
            message = f"the masks' counts of runs do not add up to {runs}, or the grid {shape} is impossible"
            raise DamagedRow(message)
        if masks and (facts[TARGET].max() >= len(names) or facts[KIND].max() >= len(KINDS)):
            message = "a mask has a target or kind that has no name"
            raise DamagedRow(message)
        return cls(shape, facts, row[last:used].reshape(2, runs), names)

    def __len__(self) -> int:
        return len(self.facts.T)

    def of_kind(self, kind: Kind) -> Integers:
        """Indices of the masks of one kind that have any voxel."""
        return np.flatnonzero((self.facts[KIND] == KINDS.index(kind)) & (self.facts[COUNT] > 0))

    def decode(self, chosen: Iterable[int] | None = None) -> Masks:
        """The masks, or those at these indices in this order.

        Raises:
            DamagedRow: a run leaves its row of the grid, or two of a mask overlap.
        """
        which = np.arange(len(self)) if chosen is None else np.fromiter(chosen, np.int64)
        width = self.shape[-1]
        starts, ends = np.cumsum(_unfolded(self.steps) + width, axis=1)
        counts = self.facts[COUNT, which]
        if chosen is not None:
            behind = np.cumsum(self.facts[COUNT])
            runs = ranges((behind - self.facts[COUNT])[which], counts)
            starts, ends = starts[runs], ends[runs]
        owner = np.repeat(np.arange(len(which)), counts)
        order = np.argsort(owner * np.prod(self.shape, dtype=np.int64) + starts, kind="stable")
        starts, ends = starts[order], ends[order]
        self._check(starts, ends, owner)
        indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        return Masks(self.shape, indptr, starts, ends - starts, self.infos(which))

    def infos(self, which: Iterable[int]) -> tuple[MaskInfo, ...]:
        """What is known of the masks at these indices."""
        facts = self.facts
        signed = _unfolded(facts)
        scores = (signed[[SCORE, STABILITY]] / PER_UNIT_SCORE).tolist()
        points = (_unfolded(facts[POINT:] - 1) / PER_VOXEL_POINT).T.tolist()
        target, kind, instance = facts[TARGET].tolist(), facts[KIND].tolist(), facts[INSTANCE].tolist()
        pointed = (facts[POINT] > 0).tolist()
        return tuple(
            MaskInfo(
                self.names[target[i]],
                KINDS[kind[i]],
                instance[i],
                scores[0][i],
                scores[1][i],
                tuple(points[i]) if pointed[i] else None,
            )
            for i in which
        )

    def _check(self, starts: Integers, ends: Integers, owner: Integers) -> None:
        width = self.shape[-1]
        row = starts // width
        inside = (starts >= 0) & (ends > starts) & (ends <= (row + 1) * width)
        apart = (starts[1:] >= ends[:-1]) | (owner[1:] != owner[:-1])
        if not (inside.all() and apart.all() and (not len(ends) or ends.max() <= np.prod(self.shape, dtype=np.int64))):
            message = f"a run lies outside the grid {self.shape} or two runs of a mask overlap"
            raise DamagedRow(message)


def _facts(masks: Masks, targets: Mapping[str, int]) -> Integers:
    """(6 + dimensions, masks), none negative."""
    infos = masks.infos
    facts = np.zeros((POINT + len(masks.shape), len(masks)), np.int64)
    facts[COUNT] = np.diff(masks.indptr)
    facts[TARGET] = [targets[info.target] for info in infos]
    facts[KIND] = [KINDS.index(info.kind) for info in infos]
    facts[INSTANCE] = [info.instance for info in infos]
    facts[SCORE] = _scaled((info.score for info in infos), PER_UNIT_SCORE)
    facts[STABILITY] = _scaled((info.stability for info in infos), PER_UNIT_SCORE)
    for index, info in enumerate(infos):
        if info.point is not None:
            facts[POINT:, index] = _scaled(info.point, PER_VOXEL_POINT) + 1
    if facts.min(initial=0) < 0 or facts.max(initial=0) >= 2**32:
        message = "an instance, score or point of a mask is out of range"
        raise ValueError(message)
    return facts


def _scaled(values: Iterable[float], per_unit: int) -> Integers:
    scaled = np.rint(np.fromiter(values, np.float64) * per_unit)
    if not np.isfinite(scaled).all() or (np.abs(scaled) >= 2**31 - 1).any():
        message = "a score, stability or point of a mask is not a finite number"
        raise ValueError(message)
    return _folded(scaled.astype(np.int64))


def _track_order(masks: Masks) -> Integers:
    """An order of the runs in which each follows the run above it, mask by mask.

    A run goes on the track of the first run above that it touches, unless another run took that place; else it begins
    a track. Any order within a mask is valid in the format; this one makes small steps.
    """
    count, width = len(masks.starts), masks.shape[-1]
    # Two empty rows between masks: a first row has nothing above it.
    owner = np.repeat(np.arange(len(masks)), np.diff(masks.indptr))
    starts = masks.starts + owner * (np.prod(masks.shape, dtype=np.int64) + 2 * width)
    ends = starts + masks.lengths
    above = np.searchsorted(ends, starts - width, side="right")
    above[above == count] = 0
    touching = np.flatnonzero((ends[above] > starts - width) & (starts[above] < ends - width))
    taken, first = np.unique(above[touching], return_index=True)
    head = np.arange(count)
    head[touching[first]] = taken
    while not np.array_equal(farther := head[head], head):
        head = farther
    return np.argsort(head, kind="stable")


def _folded(signed: Integers) -> Integers:
    """0, -1, 1, -2, 2, ... as 0, 1, 2, 3, 4, ..."""
    return (signed << 1) ^ (signed >> 63)


def _unfolded(folded: Words | Integers) -> Integers:
    """The inverse of `_folded`."""
    wide = folded.astype(np.int64)
    return (wide >> 1) ^ -(wide & 1)
