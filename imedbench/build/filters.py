"""What is left out of a store, and why: every exclusion is counted.

The two criteria are those of section 3.1 of the IMed-361M paper; noisy sets use the stricter area of its section 3.3.
"""

from collections import Counter

from imedbench.masks import Masks

ASPECT = "slices with an aspect ratio over the limit"
SMALL = "truth masks under the least area"
SMALL_INSTANCE = "instances under the least area"
SMALL_INTERACTIVE = "interactive masks under the least area"
BARE = "slices without a truth mask"


def too_long(grid: tuple[int, ...], largest_aspect: float) -> bool:
    """Whether a (rows, columns) slice is longer than ``largest_aspect`` times its width, or the other way round."""
    return max(grid) > largest_aspect * min(grid)


def drop_small(masks: Masks, least_fraction: float, reason: str, dropped: Counter[str]) -> Masks:
    """The masks that cover at least this fraction of the grid; the others are counted under ``reason``."""
    size = 1
    for length in masks.shape:
        size *= length
    large = masks.areas() >= least_fraction * size
    if large.all():
        return masks
    dropped[reason] += int((~large).sum())
    return masks.select(index for index, keep in enumerate(large) if keep)
