"""Intensity windows: what becomes 0 and 255 in an 8-bit picture."""

import numpy as np

from imedbench.types import Array, Image

Window = tuple[float, float]
# Percentiles of a large volume are taken from about this many voxels, evenly spread.
SAMPLE = 2_000_000


def window_of(image: Image, rule: str | Window, percentile: Window | None = None) -> Window:
    """The intensities that become 0 and 255.

    Args:
        image: of any modality.
        rule: ``"full"`` for the whole range, or the two values themselves.
        percentile: when given, the two percentiles of the voxels above the lowest value (the background of most
            scanners) are taken instead.
    """
    if percentile is None and not isinstance(rule, str):
        return rule
    step = max(1, image.voxels.size // SAMPLE)
    sample = image.voxels.reshape(-1)[::step]
    low, high = float(image.voxels.min()), float(image.voxels.max())
    if percentile is None or low == high:
        return low, high
    foreground = sample[sample > low]
    if not len(foreground):
        return low, high
    low, high = (float(value) for value in np.percentile(foreground, percentile))
    return low, high if high > low else low + 1.0


def to_8bit(voxels: Array, window: Window) -> Array:
    """Voxels of any type as uint8: ``low`` and below is 0, ``high`` and above 255, linear between, rounded."""
    low, high = window
    if voxels.dtype == np.uint8 and (low, high) == (0.0, 255.0):
        return np.ascontiguousarray(voxels)
    scale = 255.0 / (high - low) if high > low else 0.0
    scaled = (voxels.astype(np.float32) - np.float32(low)) * np.float32(scale)
    standard: Array = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return standard
