"""Any 8-bit picture as the three channels that networks for natural images look at."""

import numpy as np
from numpy.typing import NDArray

from imedbench.types import Image


def colour(image: Image, name: str) -> NDArray[np.uint8]:
    """(h, w, 3) of a 2-D image: grey three times; two channels with their mean as the third.

    Raises:
        ValueError: it is not uint8 of one to three channels; ``name`` is the model that wants them.
    """
    voxels = image.voxels
    channels = 1 if voxels.ndim == 2 else voxels.shape[2]
    if voxels.dtype != np.uint8 or not 1 <= channels <= 3:
        message = f"{name} takes uint8 images of one to three channels, not {voxels.dtype} of {channels}"
        raise ValueError(message)
    layers = voxels.reshape(*image.grid, channels)
    if channels == 2:
        return np.concatenate([layers, layers.mean(2, keepdims=True).astype(np.uint8)], 2)
    return np.broadcast_to(layers, (*image.grid, 3))
