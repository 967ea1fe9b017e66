import numpy as np

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
