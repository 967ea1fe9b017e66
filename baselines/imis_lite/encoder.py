"""LiteMedSAM's image encoder, never trained: what it finds in an image, early and late, small enough to be kept."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from baselines.sam.lite_encoder import encode_lite

SIDE = 256
"""Of the square of pixels that the encoder looks at."""
_CUT_OFF = (0.5, 99.5)
"""Percentiles."""


class Features(NamedTuple):
    """Of b images; all that the trained network sees of them."""

    deep: Tensor
    """(b, 256, 64, 64): the encoder's answer."""
    early: Tensor
    """(b, 128, 128, 128): after its first stage of attention."""
    pixels: Tensor
    """(b, 3, 256, 256): 0 to 1, zero beyond the image."""

    def half(self) -> Self:
        """In half precision, 6 MB an image, to be kept; laid out as they come back, so that products are the same."""
        return type(self)(*(each.half().contiguous() for each in self))

    def float(self) -> Self:
        """In single precision, as the network wants them."""
        return type(self)(*(each.float() for each in self))


def stretched(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(h, w, 3) without the darkest and the brightest half percent of what is not 0, as MedSAM's images are prepared.

    A few very bright pixels (metal, a mark) leave little contrast to all others. What is 0 stays 0.
    """
    there = pixels[pixels > 0]
    if not len(there):
        return pixels
    low, high = np.percentile(there, _CUT_OFF)
    values = (pixels.astype(np.float32) - low) / max(high - low, 1)
    answer: NDArray[np.uint8] = (values.clip(0, 1) * 255).round().astype(np.uint8)
    answer[pixels == 0] = 0
    return answer


@torch.no_grad()
def encode(encoder: Any, pixels: Tensor, filled: Sequence[int] = (SIDE, SIDE), *, brief: bool = False) -> Features:
    """The features of images.

    Args:
        encoder: LiteMedSAM's ``TinyViT``, its norms folded (`baselines.sam.network.from_lite`).
        pixels: (b, 256, 256, 3) of 0 to 255, images in the upper left corner.
        filled: (height, width) of the part that the images take.
        brief: whether to compute in bfloat16, twice as fast where the processor has it.
    """
    square = normalise(pixels, filled)
    with torch.autocast(pixels.device.type, torch.bfloat16, enabled=brief):
        pairs = [_encode(encoder, each[None]) for each in square]
    deep, early = (torch.cat(each).float() for each in zip(*pairs, strict=True))
    return Features(deep, early, square)


def normalise(pixels: Tensor, filled: Sequence[int]) -> Tensor:
    """(b, h, w, 3) to (b, 3, h, w): each image from its least value to its greatest, zero beyond it."""
    height, width = filled
    inside = pixels[:, :height, :width].permute(0, 3, 1, 2).float()
    low, high = inside.amin((1, 2, 3), keepdim=True), inside.amax((1, 2, 3), keepdim=True)
    margin = (0, pixels.shape[2] - width, 0, pixels.shape[1] - height)
    return functional.pad((inside - low) / (high - low).clamp(min=1e-8), margin)


def _encode(encoder: Any, square: Tensor) -> tuple[Tensor, Tensor]:
    """(1, 256, 64, 64) and (1, 128, 128, 128) of one image (1, 3, 256, 256)."""
    passed: list[Tensor] = []
    stage = encoder.layers[1].downsample
    handle = stage.register_forward_pre_hook(lambda _, given: passed.append(given[0]))
    try:
        deep = encode_lite(encoder, square)
    finally:
        handle.remove()
    side = round(passed[0].shape[1] ** 0.5)
    return deep, passed[0].transpose(1, 2).reshape(1, -1, side, side)
