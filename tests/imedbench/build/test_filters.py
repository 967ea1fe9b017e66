from collections import Counter

import numpy as np
import pytest

from imedbench.build.filters import SMALL, drop_small, too_long
from imedbench.masks import MaskInfo, Masks


@pytest.mark.parametrize(
    ("grid", "long"), [((100, 150), False), ((100, 151), True), ((151, 100), True), ((7, 7), False)]
)
def test_aspect_counts_both_ways(grid: tuple[int, int], long: bool) -> None:
    assert too_long(grid, 1.5) is long


def test_masks_under_the_least_area_are_dropped_and_counted() -> None:
    dense = np.zeros((3, 100, 100), bool)
    dense[0, 0, :10] = True  # exactly 1/1000
    dense[1, 0, :9] = True
    dense[2, :50] = True
    dropped: Counter[str] = Counter()
    kept = drop_small(Masks.from_dense(dense, [MaskInfo(name) for name in "abc"]), 0.001, SMALL, dropped)
    assert kept.targets == ("a", "c")
    assert dropped == {SMALL: 1}
    assert len(drop_small(Masks.empty((3, 3)), 0.001, SMALL, dropped)) == 0
