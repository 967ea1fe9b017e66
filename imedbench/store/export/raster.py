"""Pictures as PNG files."""

import io

import numpy as np

from imedbench.types import Array


def png_of(voxels: Array, *, colour: bool = False) -> bytes:
    """(rows, columns[, channels]) uint8 as a PNG file: grey, or colour where asked or where there are three channels.

    Two channels become red and green.
    """
    from PIL import Image as Pillow

    picture = voxels[..., 0] if voxels.ndim == 3 and voxels.shape[-1] == 1 else voxels
    if picture.ndim == 2 and colour:
        picture = np.repeat(picture[..., None], 3, -1)
    if picture.ndim == 3 and picture.shape[-1] == 2:
        picture = np.pad(picture, ((0, 0), (0, 0), (0, 1)))
    target = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(picture)).save(target, format="PNG", compress_level=4)
    return target.getvalue()
