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
        # As integers: cc3d 4.1.1 joins what does not touch, or fails, on some bool arrays. Its labels may have gaps.
        labels = cc3d.connected_components(dense.view(np.uint8), connectivity=8 if dense.ndim == 2 else 26)
        sizes = np.bincount(labels.reshape(-1))[1:]
        if np.count_nonzero(sizes) < 2:
            parts.append(masks.select([index]))
            continue
        order = np.argsort(-sizes, kind="stable")[: np.count_nonzero(sizes)] + 1
        infos = {int(value): replace(info, instance=rank) for rank, value in enumerate(order, 1)}
        parts.append(Masks.from_labels(labels, infos))
    return Masks.concatenate(parts) if parts else masks
