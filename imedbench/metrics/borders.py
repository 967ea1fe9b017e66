"""Where the surface of a mask is, found on bits: 64 voxels at a time, and only inside the box that holds the mask."""

from dataclasses import dataclass
from itertools import product
from typing import Self

import numpy as np
from numpy.typing import NDArray

from imedbench.types import Mask

Words = NDArray[np.uint64]
Integers = NDArray[np.int64]
_WORD = np.dtype("<u8")
_BITS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Border:
    """The cubes (squares) between 2 x 2 x 2 (2 x 2) voxel centres of which some are inside and some outside.

    Outside the grid is outside the mask. The cube at a corner lies between the voxels of that index and of the one
    before it along each axis.
    """

    corners: NDArray[np.int32]
    """(axes, n): index of each such corner of the grid, in array order."""
    codes: NDArray[np.uint8]
    """(n,): which of the voxels around it are inside, as in `surfel_areas`."""

    @classmethod
    def of(cls, mask: Mask) -> Self:
        """The border of a bool array of two or three axes."""
        box = bounding_box(mask)
        inside = _packed(mask[tuple(slice(*sides) for sides in box)])
        before = _shifted(inside)
        mixed = _fold(before | inside, np.bitwise_or) & ~_fold(before & inside, np.bitwise_and)
        where = _set_bits(mixed)
        codes = _codes(inside, before, where)
        low = [sides[0] for sides in box]
        return cls(np.stack(where).astype(np.int32) + np.array(low, np.int32)[:, None], codes)


def bounding_box(mask: Mask) -> list[tuple[int, int]]:
    """First index and one past the last, along each axis, of what is True; (0, 0) everywhere where nothing is."""
    box = []
    while mask.ndim:
        filled = np.flatnonzero(mask.any(axis=tuple(range(1, mask.ndim))))
        first, last = (int(filled[0]), int(filled[-1]) + 1) if len(filled) else (0, 0)
        box.append((first, last))
        # What is left to find is the box of the shadow that the mask throws along the axis done.
        mask = np.asarray(mask[first:last].any(axis=0))
    return box


def _packed(mask: Mask) -> Words:
    """One bit a voxel, rows along the last axis in whole words with one bit to spare, an empty row on every side."""
    *outer, row = mask.shape
    words = row // _BITS + 1
    packed = np.zeros((*(side + 2 for side in outer), words * 8), np.uint8)
    bits = np.packbits(mask, axis=-1, bitorder="little")
    packed[(slice(1, -1),) * len(outer) + (slice(bits.shape[-1]),)] = bits
    return packed.view(_WORD)


def _shifted(words: Words) -> Words:
    """Each voxel's bit at the place of the next voxel of its row."""
    moved = words << np.uint64(1)
    moved[..., 1:] |= words[..., :-1] >> np.uint64(_BITS - 1)
    return moved


def _fold(words: Words, join: np.ufunc) -> Words:
    """Neighbouring rows along every axis but the last, joined: one row less along each."""
    for axis in range(words.ndim - 1):
        ahead, behind = (words[(slice(None),) * axis + (side,)] for side in (slice(1, None), slice(None, -1)))
        words = join(ahead, behind)
    return words


def _set_bits(words: Words) -> tuple[Integers, ...]:
    """The index of every set bit along each axis, the last counted in bits."""
    flat = words.reshape(-1)
    filled = np.flatnonzero(flat)
    # As bools: numpy finds those several times as fast as bytes.
    bits = np.flatnonzero(np.unpackbits(flat[filled].view(np.uint8), bitorder="little").view(np.bool_))
    *outer, word = np.unravel_index(filled[bits // _BITS], words.shape)
    return (*outer, word * _BITS + bits % _BITS)


def _codes(inside: Words, before: Words, where: tuple[Integers, ...]) -> NDArray[np.uint8]:
    """Which of the voxels around each corner are inside; ``before`` is ``inside``, shifted by one voxel."""
    *outer, column = where
    shift = (column % _BITS).astype(np.uint64)
    codes = np.zeros(len(column), np.uint8)
    first = np.ravel_multi_index((*outer, column // _BITS), inside.shape)
    strides = [stride // inside.itemsize for stride in inside.strides[:-1]]
    both = before.reshape(-1), inside.reshape(-1)
    for turn, offset in enumerate(product((0, 1), repeat=len(outer))):
        place = first + sum(step * stride for step, stride in zip(offset, strides, strict=True))
        for last, words in enumerate(both):
            bit = (words[place] >> shift).astype(np.uint8) & 1
            codes |= bit << np.uint8(2 * turn + last)
    return codes
