"""Between an image's grid and the square that a network of the SAM family looks at.

SAM and LiteMedSAM scale the image so that its longest side fills the square, and it stands in the upper left corner;
MedSAM and SAM-Med2D stretch it over the square. Points are (x, y), and all but SAM-Med2D count boxes with their last
pixel included. These translations happen here and nowhere else.
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

Scaling = Literal["sam", "lite", "medsam", "med2d"]
_STRETCHED = ("medsam", "med2d")

_SURE = 1e-6
"""Probabilities nearer to 0 or 1 are taken for this near: logits of 14."""
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
    """How pixels and points are scaled: as in segment_anything, or as in the inference of LiteMedSAM, MedSAM (with
    scikit-image's cubic interpolation) or SAM-Med2D (each pixel the nearest one)."""

    @property
    def filled(self) -> tuple[int, int]:
        """(height, width) of the part of the square that the image takes."""
        if self.scaling in _STRETCHED:
            return self.side, self.side
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
        if self.scaling == "medsam":
            return _cubic(pixels, self.side)
        import cv2

        height, width = self.filled
        nearest = self.scaling == "med2d"
        fitted: Array = cv2.resize(
            pixels, (width, height), interpolation=cv2.INTER_NEAREST if nearest else cv2.INTER_AREA
        )
        return fitted

    def points(self, clicks: Sequence[Sequence[Click]]) -> tuple[Tensor, Tensor]:
        """(b, n, 2) places (x, y) and (b, n) labels of b prompts of n clicks each."""
        places = np.array([[click.at for click in each] for each in clicks], np.float64) * self.factors
        labels = np.array([[click.inside for click in each] for each in clicks], np.int64)
        return torch.from_numpy(places[..., ::-1].copy()), torch.from_numpy(labels)

    def boxes(self, boxes: Sequence[Box]) -> Tensor:
        """(b, 4): first and last x and y inside each box, or for SAM-Med2D the first beyond it."""
        factors = np.array(self.factors)
        last = 0 if self.scaling == "med2d" else 1
        low = np.array([box.low for box in boxes], np.float64) * factors
        high = (np.array([box.high for box in boxes], np.float64) - last) * factors
        return torch.from_numpy(np.concatenate([low[:, ::-1], high[:, ::-1]], 1))

    def shrink(self, logits: Logits) -> Tensor:
        """(1, coarse, coarse) from logits on the image's grid, outside beyond it."""
        scale = self.coarse / self.side
        size = tuple(max(1, round(length * scale)) for length in self.filled)
        full = torch.from_numpy(logits.astype(np.float32, copy=False))[None, None]
        small = functional.interpolate(full, size, mode="bilinear", antialias=True)[0]
        return functional.pad(small, self._margin(size), value=float(small.min()))

    def enlarge(self, logits: Tensor) -> Tensor:
        """(k, coarse, coarse) to (k, *grid): bilinear to the square, cut, bilinear to the image, as SAM does.

        MedSAM's probabilities, not its logits, are interpolated, and at once to the image.
        """
        if self.scaling == "medsam":
            likely = functional.interpolate(torch.sigmoid(logits)[None], self.grid, mode="bilinear")[0]
            return torch.logit(likely, eps=_SURE)
        if self.coarse == self.side:
            return _bilinear(logits[:, : self.filled[0], : self.filled[1]], self.grid)
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


def _bilinear(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """(k, h, w) to (k, *size)."""
    if logits.is_cuda:
        return functional.interpolate(logits[None], size, mode="bilinear")[0]
    import cv2

    # The same numbers to 1e-5 of their range, three times as fast.
    scaled = np.empty((len(logits), *size), np.float32)
    for index, each in enumerate(logits.numpy()):
        cv2.resize(each, size[::-1], dst=scaled[index], interpolation=cv2.INTER_LINEAR)
    return torch.from_numpy(scaled)


def _cubic(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """What scikit-image's ``resize`` of third order, preserving the range, with anti-aliasing, makes of (h, w, 3)."""
    from scipy.ndimage import gaussian_filter, zoom

    # Grey is scaled once.
    grey = bool((pixels == pixels[..., :1]).all())
    layers = []
    for layer in np.moveaxis(pixels, 2, 0)[: 1 if grey else 3]:
        exact = layer.astype(np.float64)
        widths = [max(0.0, (length / side - 1) / 2) for length in exact.shape]
        smooth = gaussian_filter(exact, widths, mode="mirror") if any(widths) else exact
        scaled = zoom(smooth, [side / length for length in exact.shape], order=3, mode="mirror", grid_mode=True)
        layers.append(np.clip(scaled, exact.min(), exact.max()).astype(np.uint8))
    return np.stack(layers * (3 if grey else 1), 2)
