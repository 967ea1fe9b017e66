"""Voxel values as numpy likes them: native byte order, no wider than their content needs."""

import numpy as np

from imedbench.types import Array


def native(voxels: Array) -> Array:
    """The same values in this machine's byte order; a copy only where the order differs."""
    return voxels.astype(voxels.dtype.newbyteorder("="), copy=False)


def narrowed(voxels: Array) -> Array:
    """The same values with 64-bit types halved where that loses nothing; bool becomes uint8, float16 float32."""
    kind, width = voxels.dtype.kind, voxels.dtype.itemsize
    if kind == "b":
        return voxels.view(np.uint8)
    if kind == "f" and width == 2:
        return voxels.astype(np.float32)
    if width < 8 or not voxels.size:
        return voxels
    if kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):
            single = voxels.astype(np.float32)
        return single if np.array_equal(single, voxels) else voxels
    half = np.dtype(f"{kind}4")
    limits = np.iinfo(half)
    fits = voxels.min() >= limits.min and voxels.max() <= limits.max
    return voxels.astype(half) if fits else voxels


def rescaled(stored: Array, slope: float, intercept: float) -> Array:
    """``stored * slope + intercept``: integers stay integers where both factors are whole, else float32."""
    if slope == 1 and intercept == 0:
        return stored
    if stored.dtype.kind in "biu" and float(slope).is_integer() and float(intercept).is_integer():
        return _scaled_integers(stored, int(slope), int(intercept))
    if stored.dtype.itemsize <= 2 or stored.dtype == np.float32:
        return stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    # 32-bit integers times a tiny slope need the wide product before they are rounded once.
    return (stored.astype(np.float64) * slope + intercept).astype(np.float32)


def scaled_dtype(low: int, high: int, slope: float, intercept: float) -> np.dtype:
    """The type that holds ``slope * stored + intercept`` of integers from ``low`` to ``high``."""
    if not (float(slope).is_integer() and float(intercept).is_integer()):
        return np.dtype(np.float32)
    ends = [end * int(slope) + int(intercept) for end in (low, high)]
    for dtype in (np.int16, np.int32, np.int64):
        limits = np.iinfo(dtype)
        if limits.min <= min(ends) and max(ends) <= limits.max:
            return np.dtype(dtype)
    return np.dtype(np.float32)


def _scaled_integers(stored: Array, slope: int, intercept: int) -> Array:
    wide = scaled_dtype(int(stored.min()), int(stored.max()), slope, intercept)
    if wide.kind == "f":
        return (stored.astype(np.float64) * slope + intercept).astype(np.float32)
    # Stored values may lie outside the answer's type; the modular sum comes out right all the same.
    factor, shift = np.array([slope, intercept]).astype(wide)
    scaled: Array = stored.astype(wide) * factor + shift
    return scaled
