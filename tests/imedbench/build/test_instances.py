import numpy as np
import pytest
from scipy import ndimage

from imedbench.build.instances import split_instances
from imedbench.masks import MaskInfo, Masks


def test_components_become_instances_by_falling_size() -> None:
    dense = np.zeros((2, 6, 8), bool)
    dense[0, 0, 0] = dense[0, 1, 1] = True  # touch by a corner: one object
    dense[0, 3:6, 4:7] = True
    dense[1] = dense[0]
    masks = Masks.from_dense(dense, [MaskInfo("nodule"), MaskInfo("liver")])
    split = split_instances(masks, {"nodule"})
    assert [(info.target, info.instance) for info in split.infos] == [("nodule", 1), ("nodule", 2), ("liver", 0)]
    assert split.areas().tolist() == [9, 2, 11]
    assert np.array_equal(split["nodule"], dense[0])


def test_one_component_stays_whole() -> None:
    dense = np.zeros((1, 2, 3, 4), bool)
    dense[0, 0, 0, 0] = dense[0, 1, 1, 1] = True
    masks = Masks.from_dense(dense, [MaskInfo("nodule")])
    assert [info.instance for info in split_instances(masks, {"nodule"}).infos] == [0]


def test_instances_that_the_source_gave_are_kept() -> None:
    dense = np.zeros((1, 1, 5), bool)
    dense[0, 0, 0] = dense[0, 0, 4] = True
    masks = Masks.from_dense(dense, [MaskInfo("cell", instance=7)])
    assert split_instances(masks, {"cell"}).infos == masks.infos


@pytest.mark.parametrize("seed", range(40))
def test_components_are_those_of_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dense = rng.random((1, *rng.integers(1, 20, rng.integers(2, 4)))) < rng.random()
    expected, count = ndimage.label(dense[0], np.ones((3,) * (dense.ndim - 1)))
    split = split_instances(Masks.from_dense(dense, [MaskInfo("nodule")]), {"nodule"})
    assert sorted(split.areas().tolist()) == sorted(np.bincount(expected.reshape(-1))[1:].tolist() or [0])
    assert [info.instance for info in split.infos] == (list(range(1, count + 1)) if count > 1 else [0])
