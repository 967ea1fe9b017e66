"""Masks as SVG paths: sharp at any size and a few hundred bytes each."""

import numpy as np

from imedbench.masks import Masks
from imedbench.types import Array

# Outlines are traced on a grid this many times finer, so that they run along the edges of pixels and not through them.
FINER = 4
# Largest distance of the simplified outline from the traced one, in pixels of the mask.
TOLERANCE = 0.55
MARGIN = 1


def svg_paths(masks: Masks, scale: tuple[float, float]) -> list[str]:
    """The ``d`` of one path a mask, for ``fill-rule="evenodd"``; x is the column and y the row, times ``scale``.

    Args:
        masks: on (rows, columns).
        scale: (row, column) factors from pixels of the mask to units of the drawing.
    """
    boxes = masks.boxes()
    return [_path(masks.decode(index), boxes[index], scale) for index in range(len(masks))]


def _path(mask: Array, box: Array, scale: tuple[float, float]) -> str:
    import cv2

    low, high = box
    crop = np.pad(mask[low[0] : high[0], low[1] : high[1]].view(np.uint8), MARGIN)
    if not crop.any():
        return ""
    finer = cv2.resize(crop, None, fx=FINER, fy=FINER, interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(finer, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    parts = []
    for contour in contours:
        line = cv2.approxPolyDP(contour, TOLERANCE * FINER, closed=True)[:, 0, ::-1]
        places = ((line + 0.5) / FINER - MARGIN + low) * scale
        parts.append("M" + "L".join(f"{_short(x)},{_short(y)}" for y, x in places) + "Z")
    return "".join(parts)


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
