"""Cuts a grid of positions into square windows and puts it together again."""

from torch import Tensor


def cut(values: Tensor, side: int) -> Tensor:
    """(h, w, c), h and w multiples of ``side``, to (windows, side, side, c)."""
    height, width, channels = values.shape
    blocks = values.reshape(height // side, side, width // side, side, channels)
    return blocks.transpose(1, 2).reshape(-1, side, side, channels)


def join(windows: Tensor, height: int, width: int) -> Tensor:
    """The inverse of `cut`, for a grid of this size; what was padded to full windows is left out."""
    _, side, _, channels = windows.shape
    blocks = windows.reshape(-(-height // side), -(-width // side), side, side, channels)
    return blocks.transpose(1, 2).reshape(-(-height // side) * side, -1, channels)[:height, :width]
