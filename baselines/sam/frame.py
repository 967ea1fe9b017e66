"""Between an image's grid and the square that a network of the SAM family looks at.

The image is scaled so that its longest side fills the square and stands in its upper left corner. SAM counts points as
(x, y) and boxes with their last pixel included; that translation happens here and nowhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from imedbench.types import Array, Box, Click, Logits

Scaling = Literal["sam", "lite"]

_DIRECT = 2**19
"""Pixels of an image above which interpolating twice is faster than two matrix products."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where an image lies in the network's square."""

    grid: tuple[int, int]
    """(height, width) of the image."""
    side: int
    """Of the square, in its pixels."""
    coarse: int
    """Of the square, in pixels of the mask decoder's output."""
    scaling: Scaling
    """How pixels and points are scaled: as in segment_anything, or as in LiteMedSAM's inference."""

    @property
    def filled(self) -> tuple[int, int]:
        """(height, width) of the part of the square that the image takes."""
        factor = self.side / max(self.grid)
        return int(self.grid[0] * factor + 0.5), int(self.grid[1] * factor + 0.5)

    @property
    def factors(self) -> tuple[float, float]:
        """What y and x are multiplied by."""
        if self.scaling == "lite":
            return (self.side / max(self.grid),) * 2
        return self.filled[0] / self.grid[0], self.filled[1] / self.grid[1]

    def fit(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(h, w, 3) scaled to (*filled, 3)."""
        if self.scaling == "sam":
            from segment_anything.utils.transforms import ResizeLongestSide

            scaled: Array = ResizeLongestSide(self.side).apply_image(np.ascontiguousarray(pixels))
            return scaled
        import cv2

        height, width = self.filled
        fitted: Array = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
        return fitted

    def points(self, clicks: Sequence[Sequence[Click]]) -> tuple[Tensor, Tensor]:
        """(b, n, 2) places (x, y) and (b, n) labels of b prompts of n clicks each."""
        places = np.array([[click.at for click in each] for each in clicks], np.float64) * self.factors
        labels = np.array([[click.inside for click in each] for each in clicks], np.int64)
        return torch.from_numpy(places[..., ::-1].copy()), torch.from_numpy(labels)

    def boxes(self, boxes: Sequence[Box]) -> Tensor:
        """(b, 4): first and last x and y inside each box."""
        factors = np.array(self.factors)
        low = np.array([box.low for box in boxes], np.float64) * factors
        high = (np.array([box.high for box in boxes], np.float64) - 1) * factors
        return torch.from_numpy(np.concatenate([low[:, ::-1], high[:, ::-1]], 1))

    def shrink(self, logits: Logits) -> Tensor:
        """(1, coarse, coarse) from logits on the image's grid, outside beyond it."""
        scale = self.coarse / self.side
        size = tuple(max(1, round(length * scale)) for length in self.filled)
        full = torch.from_numpy(logits.astype(np.float32, copy=False))[None, None]
        small = functional.interpolate(full, size, mode="bilinear", antialias=True)[0]
        return functional.pad(small, self._margin(size), value=float(small.min()))

    def enlarge(self, logits: Tensor) -> Tensor:
        """(k, coarse, coarse) to (k, *grid): bilinear to the square, cut, bilinear to the image, as SAM does."""
        if np.prod(self.grid) > _DIRECT:
            square = functional.interpolate(logits[None], (self.side, self.side), mode="bilinear")
            return functional.interpolate(square[..., : self.filled[0], : self.filled[1]], self.grid, mode="bilinear")[
                0
            ]
        # Both steps work on rows and columns apart, so together they are one product from each side.
        rows, columns = (self._stretch(axis, logits) for axis in (0, 1))
        return rows @ (logits @ columns.T)

    def _margin(self, size: tuple[int, ...]) -> tuple[int, int, int, int]:
        return 0, self.coarse - size[1], 0, self.coarse - size[0]

    def _stretch(self, axis: int, like: Tensor) -> Tensor:
        """(length of the image's axis, coarse): what the two interpolations make of a row of pixels."""
        unit = torch.eye(self.coarse, dtype=like.dtype, device=like.device)[None]
        whole = functional.interpolate(unit, self.side, mode="linear")[..., : self.filled[axis]]
        stretched = functional.interpolate(whole, self.grid[axis], mode="linear")
        return stretched[0].T
