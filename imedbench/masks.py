"""All masks of one case as runs: the encoded form that is computed on, stored and exported.

A run is a stretch of foreground along the last axis; it never passes the end of a row. Runs are grouped by mask and,
inside a mask, sorted by position: a CSR matrix with one row a mask whose column indices are run-length coded.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray

from imedbench.types import Array, Mask

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Kind = Literal["gt", "interactive"]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class MaskInfo:
    """What is known of one mask besides its voxels."""

    target: str
    """Name in the target vocabulary; empty for an interactive mask that stands for no known target."""
    kind: Kind = "gt"
    instance: int = 0
    """Counts the objects of a target in a case from 1; 0 where the mask is all of the target."""
    score: float = 1.0
    """The generator's predicted IoU; 1 for the truth. Stored to 1e-4."""
    stability: float = 1.0
    """The generator's stability score; 1 for the truth. Stored to 1e-4."""
    point: tuple[float, ...] | None = None
    """Where the generator was prompted, in voxels (the centre of a box prompt). Stored to 1/16."""


@dataclass(frozen=True, eq=False)
class Masks:
    """The masks of one case; ``masks[i]`` is a bool array, ``masks["liver"]`` the union of that target's truth."""

    shape: tuple[int, ...]
    """The grid: (z, y, x) or (y, x)."""
    indptr: Integers
    """(n + 1,): runs ``indptr[i]:indptr[i + 1]`` belong to mask i."""
    starts: Integers
    """First voxel of each run, as an index into the flattened grid."""
    lengths: Integers
    """Voxels in each run, at least 1."""
    infos: tuple[MaskInfo, ...]

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> Self:
        """No masks on this grid."""
        none = np.zeros(0, np.int64)
        return cls(shape, np.zeros(1, np.int64), none, none, ())

    @classmethod
    def from_dense(cls, masks: Sequence[Mask] | NDArray[np.bool_], infos: Iterable[MaskInfo]) -> Self:
        """Encodes a non-empty sequence of bool arrays of one shape."""
        encoded = [_runs_of(mask) for mask in masks]
        indptr = np.cumsum([0, *(len(starts) for starts, _ in encoded)])
        starts = np.concatenate([starts for starts, _ in encoded])
        lengths = np.concatenate([lengths for _, lengths in encoded])
        return cls(masks[0].shape, indptr, starts, lengths, tuple(infos))

    @classmethod
    def from_labels(cls, labels: Array, infos: Mapping[int, MaskInfo]) -> Self:
        """Encodes the named values of an integer label map in one pass; other values are background."""
        starts, lengths, values = _label_runs(labels)
        wanted = np.array(list(infos), np.int64)
        order = np.argsort(wanted, kind="stable")
        slot = np.searchsorted(wanted[order], values)
        known = slot < len(wanted)
        known[known] = wanted[order][slot[known]] == values[known]
        owner = order[slot[known]]
        by_mask = np.argsort(owner, kind="stable")
        indptr = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(wanted)))])
        return cls(
            labels.shape,
            indptr.astype(np.int64),
            starts[known][by_mask],
            lengths[known][by_mask],
            tuple(infos.values()),
        )

    @classmethod
    def concatenate(cls, parts: Sequence["Masks"]) -> "Masks":
        """All masks of the parts, in order; the grids must be equal and there must be a part."""
        shapes = {part.shape for part in parts}
        if len(shapes) != 1:
            message = f"masks on different grids cannot be joined: {sorted(shapes)}"
            raise ValueError(message)
        offsets = np.cumsum([0, *(len(part.starts) for part in parts)])
        tails = [part.indptr[1:] + offset for part, offset in zip(parts, offsets, strict=False)]
        return cls(
            parts[0].shape,
            np.concatenate([np.zeros(1, np.int64), *tails]),
            np.concatenate([part.starts for part in parts]),
            np.concatenate([part.lengths for part in parts]),
            tuple(info for part in parts for info in part.infos),
        )

    def __len__(self) -> int:
        return len(self.infos)

    def __iter__(self) -> Iterator[Mask]:
        return (self.decode(index) for index in range(len(self)))

    def __getitem__(self, which: int | str) -> Mask:
        """Mask number ``which``, or the union of all truth masks of the target ``which``."""
        if not isinstance(which, str):
            return self.decode(which)
        named = [i for i, info in enumerate(self.infos) if info.target == which and info.kind == "gt"]
        if not named:
            raise KeyError(which)
        union = self.decode(named[0])
        for index in named[1:]:
            union |= self.decode(index)
        return union

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets that have a truth mask, each once, in order of appearance."""
        return tuple(dict.fromkeys(info.target for info in self.infos if info.kind == "gt"))

    def of_kind(self, kind: Kind) -> "Masks":
        """The masks of one kind."""
        return self.select([i for i, info in enumerate(self.infos) if info.kind == kind])

    def select(self, indices: Iterable[int]) -> "Masks":
        """The masks at these indices, in this order."""
        chosen = np.fromiter(indices, np.int64)
        counts = np.diff(self.indptr)[chosen]
        runs = ranges(self.indptr[chosen], counts)
        return Masks(
            self.shape,
            np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
            self.starts[runs],
            self.lengths[runs],
            tuple(self.infos[i] for i in chosen),
        )

    def with_infos(self, infos: Iterable[MaskInfo]) -> "Masks":
        """The same voxels with other facts about them."""
        return replace(self, infos=tuple(infos))

    def placed(self, shape: tuple[int, ...], corner: tuple[int, ...]) -> "Masks":
        """The same masks on a larger grid of that shape, in which this one begins at ``corner``."""
        places = np.unravel_index(self.starts, self.shape)
        moved = tuple(axis + offset for axis, offset in zip(places, corner, strict=True))
        return replace(self, shape=shape, starts=np.ravel_multi_index(moved, shape).astype(np.int64))

    def decode(self, index: int, out: Mask | None = None) -> Mask:
        """Mask ``index`` as a bool array; ``out`` (C order, of the grid's shape) is filled and returned when given."""
        index = range(len(self))[index]
        dense = np.zeros(self.shape, np.bool_) if out is None else out
        if out is not None:
            dense[...] = False
        first, last = self.indptr[index], self.indptr[index + 1]
        if first == last:
            return dense
        starts, lengths = self.starts[first:last], self.lengths[first:last]
        # Foreground and gaps alternate; one repeat writes the whole span at memory speed.
        pieces = np.empty(2 * len(starts) - 1, np.int64)
        pieces[0::2] = lengths
        pieces[1::2] = starts[1:] - starts[:-1] - lengths[:-1]
        alternating = np.zeros(len(pieces), np.bool_)
        alternating[0::2] = True
        dense.reshape(-1)[starts[0] : starts[-1] + lengths[-1]] = np.repeat(alternating, pieces)
        return dense

    def csr(self) -> "csr_matrix":
        """A scipy CSR matrix of bools, one row a mask, one column a voxel of the flattened grid."""
        from scipy.sparse import csr_matrix

        columns = ranges(self.starts, self.lengths)
        indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.lengths)])[self.indptr]
        size = int(np.prod(self.shape))
        return csr_matrix((np.ones(len(columns), np.bool_), columns, indptr), (len(self), size))

    def areas(self) -> Integers:
        """(n,): voxels in each mask."""
        return _per_mask(np.add, self.lengths, self.indptr)

    def boxes(self) -> Integers:
        """(n, 2, d): (low, high) corners of each mask, ``high`` exclusive; zeros for an empty mask."""
        first, behind = self.indptr[:-1], self.indptr[1:]
        filled = first != behind
        boxes = np.zeros((len(first), 2, len(self.shape)), np.int64)
        if np.count_nonzero(filled) < len(first):
            boxes[filled] = self.select(np.flatnonzero(filled)).boxes()
            return boxes
        starts, width = self.starts, self.shape[-1]
        # Widths are powers of two more often than not, and masking bits costs a third of dividing.
        columns = starts & (width - 1) if width & (width - 1) == 0 else starts % width
        boxes[:, 0, -1] = np.minimum.reduceat(columns, first)
        columns += self.lengths
        boxes[:, 1, -1] = np.maximum.reduceat(columns, first)
        if len(self.shape) == 3:
            rows = starts // width % self.shape[1]
            boxes[:, 0, 1] = np.minimum.reduceat(rows, first)
            boxes[:, 1, 1] = np.maximum.reduceat(rows, first) + 1
        # Runs are sorted, so the first axis needs the ends of each mask only.
        stride = math.prod(self.shape[1:])
        boxes[:, 0, 0] = starts[first]
        boxes[:, 1, 0] = starts[behind - 1] + stride
        boxes[:, :, 0] //= stride
        return boxes

    def intersections(self, other: "Masks") -> Integers:
        """(n, m): voxels that mask i here and mask j of ``other`` share."""
        if self.shape != other.shape:
            message = f"masks on different grids cannot be compared: {self.shape} and {other.shape}"
            raise ValueError(message)
        mine, theirs = self._sorted_runs, other._sorted_runs
        shared = _starts_within(mine, theirs, side="left")
        if other is self:
            # Every pair was met once, from the run that starts first.
            return shared + shared.T + np.diag(self.areas())
        swapped = _starts_within(theirs, mine, side="right")
        return shared + swapped.T

    def overlaps(self, other: "Masks") -> NDArray[np.float64]:
        """(n, m): intersection over union of every pair; 0 where both are empty."""
        shared = self.intersections(other)
        union = self.areas()[:, None] + other.areas()[None, :] - shared
        iou: NDArray[np.float64] = shared / np.maximum(union, 1)
        return iou

    @cached_property
    def _sorted_runs(self) -> "_Runs":
        order = np.argsort(self.starts)
        owners = np.repeat(np.arange(len(self)), np.diff(self.indptr))
        starts = self.starts[order]
        return _Runs(len(self), starts, starts + self.lengths[order], owners[order])


def ranges(first: Integers, counts: Integers) -> Integers:
    """The integers ``first[i], ..., first[i] + counts[i] - 1`` of every i, one after another."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    every: Integers = np.arange(total) + np.repeat(first - (ends - counts), counts)
    return every


@dataclass(frozen=True, slots=True, eq=False)
class _Runs:
    """Runs of several masks, by position."""

    masks: int
    starts: Integers
    ends: Integers
    owners: Integers


def _starts_within(outer: _Runs, inner: _Runs, *, side: Literal["left", "right"]) -> Integers:
    """(n, m): voxels shared by pairs of runs whose inner one starts inside the outer one.

    ``side`` tells whether a common start counts ("left") or not ("right"); with the same runs on both sides a run meets
    only those after it.
    """
    itself = inner is outer
    first = np.arange(1, len(outer.starts) + 1) if itself else np.searchsorted(inner.starts, outer.starts, side)
    counts = np.searchsorted(inner.starts, outer.ends) - first
    met = np.flatnonzero(counts > 0)
    counts = counts[met]
    one = np.repeat(met, counts)
    two = ranges(first[met], counts)
    shared = np.minimum(outer.ends[one], inner.ends[two]) - inner.starts[two]
    pair = outer.owners[one] * inner.masks + inner.owners[two]
    sums = np.bincount(pair, shared, minlength=outer.masks * inner.masks)
    return sums.astype(np.int64).reshape(outer.masks, inner.masks)


def _per_mask(operation: np.ufunc, values: Integers, indptr: Integers) -> Integers:
    """(n,): ``operation`` over the values of each mask's runs; 0 for an empty mask."""
    reduced = np.zeros(len(indptr) - 1, np.int64)
    filled = indptr[1:] > indptr[:-1]
    if filled.any():
        reduced[filled] = operation.reduceat(values, indptr[:-1][filled])
    return reduced


def _runs_of(mask: Mask) -> tuple[Integers, Integers]:
    """Starts and lengths of the runs of one mask."""
    rows = np.ascontiguousarray(mask, np.bool_).reshape(-1, mask.shape[-1])
    padded = np.zeros((len(rows), mask.shape[-1] + 2), np.int8)
    padded[:, 1:-1] = rows
    # In the padded grid each row has two more places; integer division takes them out again.
    change = np.flatnonzero(padded.reshape(-1)[1:] != padded.reshape(-1)[:-1])
    row = change // padded.shape[1]
    places = change - 2 * row
    return places[0::2], places[1::2] - places[0::2]


def _label_runs(labels: Array) -> tuple[Integers, Integers, Integers]:
    """Starts, lengths and values of the runs of equal value along the last axis."""
    flat = np.ascontiguousarray(labels).reshape(-1)
    new = np.empty(len(flat), np.bool_)
    np.not_equal(flat[1:], flat[:-1], out=new[1:])
    new[:: labels.shape[-1]] = True
    starts = np.flatnonzero(new)
    return starts, np.diff(starts, append=len(flat)), flat[starts].astype(np.int64)
