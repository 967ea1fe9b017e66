"""COCO's run-length encoding, made from runs without decoding them.

COCO counts alternating background and foreground down the columns of a picture, and packs the counts into letters:
groups of five bits, least significant first, of each count less the one two before it (from the fourth on).
Source: the format as ``pycocotools.mask`` reads and writes it; the tests compare with it byte by byte.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from imedbench.masks import Masks

Integers = NDArray[np.int64]
GROUP = 5
MOST_GROUPS = 13
MORE, ZERO = 32, 48


def coco_counts(masks: Masks) -> list[str]:
    """The compressed ``counts`` of each mask of a picture; the ``size`` beside them is (height, width)."""
    owners, flips = _column_flips(masks)
    size = masks.shape[0] * masks.shape[1]
    # Each mask's counts are the steps from 0 over its flips to the end; a flip at the very end is no flip.
    inside = flips < size
    owners, flips = owners[inside], flips[inside]
    indptr = np.searchsorted(owners, np.arange(len(masks) + 1)) + np.arange(len(masks) + 1)
    places = np.zeros(indptr[-1], np.int64)
    last = indptr[1:] - 1
    between = np.ones(len(places), np.bool_)
    between[last] = False
    places[between], places[last] = flips, size
    counts = np.diff(places, prepend=0)
    counts[indptr[:-1]] = places[indptr[:-1]]
    return _packed(counts, indptr)


def _column_flips(masks: Masks) -> tuple[Integers, Integers]:
    """Where masks change, counted down the columns: (owner, position) pairs, sorted.

    A pixel differs from the one above it where exactly one of the two rows has it: between the first and second,
    third and fourth, ... of the ends of both rows' runs, sorted.
    """
    height, width = masks.shape
    owners = np.repeat(np.arange(len(masks)), np.diff(masks.indptr))
    rows, left = np.divmod(masks.starts, width)
    # One more row below the last one and one more place right of the last column.
    line = (owners * (height + 1) + rows) * (width + 1) + left
    ends = np.concatenate([line, line + masks.lengths])
    ends = np.concatenate([ends, ends + width + 1])
    ends.sort()
    first, stop = ends[0::2], ends[1::2]
    lengths = stop - first
    total = np.cumsum(lengths)
    places = np.arange(total[-1] if len(total) else 0) + np.repeat(first - (total - lengths), lengths)
    lines, columns = np.divmod(places, width + 1)
    owner, row = np.divmod(lines, height + 1)
    keys = np.sort(owner * (height * width + 1) + columns * height + row)
    # The end of one column's run and the start of the next column's cancel.
    twice = np.zeros(len(keys), np.bool_)
    same = keys[1:] == keys[:-1]
    twice[1:] |= same
    twice[:-1] |= same
    owner, position = np.divmod(keys[~twice], height * width + 1)
    return owner, position


def _packed(counts: Integers, indptr: Integers) -> list[str]:
    """Counts as letters, cut into one text a mask."""
    place = np.arange(len(counts)) - np.repeat(indptr[:-1], np.diff(indptr))
    rest = counts.copy()
    later = np.flatnonzero(place > 2)
    rest[later] -= counts[later - 2]
    letters = np.zeros((len(counts), MOST_GROUPS), np.uint8)
    used = np.zeros(len(counts), np.int64)
    left = np.arange(len(counts))
    for group in range(MOST_GROUPS):
        bits = rest & 31
        rest >>= GROUP
        # Done when what is left is only the sign, and the last group's top bit tells it.
        more = np.where(bits & 16, rest != -1, rest != 0)
        letters[left, group] = bits + MORE * more + ZERO
        used[left] = group + 1
        left, rest = left[more], rest[more]
        if not len(left):
            break
    text = letters[np.arange(MOST_GROUPS) < used[:, None]].tobytes().decode("ascii")
    ends = np.concatenate([[0], np.cumsum(used)])[indptr]
    return [text[first:last] for first, last in pairwise(ends)]
