"""Masks of several parts become instances, where the recipe says that the parts are objects of their own."""

from collections.abc import Container
from dataclasses import replace

import numpy as np

from imedbench.masks import Masks


def split_instances(masks: Masks, targets: Container[str]) -> Masks:
    """Splits the masks of the named targets into their connected components.

    Components touch by faces, edges or corners (8-connected in a picture, 26-connected in a volume) and are numbered
    from 1 by falling size, the earlier voxel first among equals. A mask that is one component keeps instance 0.
    """
    import cc3d

    parts = []
    for index, info in enumerate(masks.infos):
        if info.target not in targets or info.instance:
            parts.append(masks.select([index]))
            continue
        dense = masks.decode(index)
        labels, count = cc3d.connected_components(dense, connectivity=8 if dense.ndim == 2 else 26, return_N=True)
        if count < 2:
            parts.append(masks.select([index]))
            continue
        order = np.argsort(-np.bincount(labels.reshape(-1))[1:], kind="stable") + 1
        infos = {int(value): replace(info, instance=rank) for rank, value in enumerate(order, 1)}
        parts.append(Masks.from_labels(labels, infos))
    return Masks.concatenate(parts) if parts else masks
