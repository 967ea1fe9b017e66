"""Pictures and their masks as training meets them: on the encoder's square, seen a little differently each time."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from baselines.imis_lite.course import Views
from baselines.imis_lite.encoder import SIDE
from imedbench.types import Array

_FINE = 2 * SIDE
"""Pictures are turned and scaled at twice the square's size, and then averaged down."""
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Where the pixels of a picture come to lie, and how bright."""

    grid: tuple[int, int]
    """(height, width) of the picture."""
    place: Matrix
    """(2, 3): from its (x, y, 1) to (x, y) on a square of 512."""

    @property
    def filled(self) -> tuple[int, int]:
        """(height, width) of the part of the encoder's square that it takes."""
        factor = SIDE / max(self.grid)
        height, width = (int(length * factor + 0.5) for length in self.grid)
        return height, width

    def picture(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(h, w, 3) on (256, 256, 3), zero beyond it."""
        height, width = self.filled
        size = (2 * width, 2 * height)
        still = plain(self.grid).place
        place, source = self.place, np.ascontiguousarray(pixels)
        if still[0, 0] < 1:
            # Turning looks at four pixels only; those of a large picture are averaged before.
            source = cv2.resize(source, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
            place = _whole(place) @ np.linalg.inv(_whole(still))
            place = place[:2]
        fine = cv2.warpAffine(source, place, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        if not np.array_equal(self.place, still):
            inside = cv2.warpAffine(np.ones(source.shape[:2], np.uint8), place, size, flags=cv2.INTER_NEAREST)
            fine[inside == 0] = 0
        square = np.zeros((SIDE, SIDE, 3), np.uint8)
        square[:height, :width] = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
        return square

    def mask(self, mask: Array) -> NDArray[np.bool_]:
        """(h, w) on (512, 512)."""
        height, width = self.filled
        square = np.zeros((_FINE, _FINE), np.bool_)
        placed = cv2.warpAffine(mask.astype(np.uint8), self.place, (2 * width, 2 * height), flags=cv2.INTER_NEAREST)
        square[: 2 * height, : 2 * width] = placed > 0
        return square


def plain(grid: tuple[int, int]) -> View:
    """The picture as it is."""
    scale = _FINE / max(grid)
    shift = (scale - 1) / 2
    return View(grid, np.array([[scale, 0, shift], [0, scale, shift]]))


def varied(grid: tuple[int, int], views: Views, rng: np.random.Generator) -> View:
    """The picture turned, scaled, stretched, mirrored and moved."""
    still = plain(grid)
    zoom = math.exp(rng.uniform(*np.log(views.zoom)))
    turn, stretch = math.radians(rng.normal(0, views.turn)), math.exp(rng.normal(0, views.stretch))
    signs = np.where(rng.random(2) < views.mirror, -1, 1)[::-1]
    turned = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    linear = turned @ np.diag(zoom * np.array([stretch, 1 / stretch]) * signs)
    size = np.array(grid[::-1]) * _FINE / max(grid)
    # What zooming in leaves outside comes in by moving.
    reach = (max(0.0, zoom - 1) / 2 + 0.06) * 0.9
    moved = size / 2 + rng.uniform(-reach, reach, 2) * size
    whole = np.column_stack([linear, moved - linear @ (size / 2)])
    return View(grid, whole @ _whole(still.place))


def _whole(place: Matrix) -> Matrix:
    """(3, 3) of (2, 3)."""
    return np.vstack([place, [0, 0, 1]])


def relit(square: NDArray[np.uint8], filled: tuple[int, int], views: Views, rng: np.random.Generator) -> Array:
    """(256, 256, 3) with other intensities inside the part that is filled."""
    height, width = filled
    values = square[:height, :width].astype(np.float32)
    low, high = values.min(), values.max()
    values = (values - low) / max(high - low, 1)
    dark, bright = rng.uniform(-0.1, 0.15), rng.uniform(0.75, 1.1)
    if rng.random() < views.window:
        values = ((values - dark) / (bright - dark)).clip(0, 1)
    values = values ** math.exp(rng.normal(0, views.gamma))
    if rng.random() < views.invert:
        values = 1 - values
    if rng.random() < views.blur:
        values = cv2.GaussianBlur(values, (0, 0), rng.uniform(0.4, 1.2))
    if rng.random() < views.noise:
        values = values + rng.normal(0, rng.uniform(0, 0.05), (height, width, 1)).astype(np.float32)
    answer = square.copy()
    answer[:height, :width] = (values.clip(0, 1) * 255).astype(np.uint8)
    return answer


def reduced(masks: NDArray[np.bool_], side: int) -> NDArray[np.float32]:
    """(k, 512, 512) to (k, side, side): the share of each pixel that is covered."""
    count, length = len(masks), masks.shape[1] // side
    parts = masks.reshape(count, side, length, side, length)
    share: NDArray[np.float32] = parts.mean((2, 4), dtype=np.float32)
    return share
