"""Boxes of the regions that an image falls into at several scales: prompts for models that answer boxes.

Three ways of parting an image find different objects: components above and below a threshold (bright and dark organs,
vessels, bone), components between two thresholds (tissue of middling brightness), and watersheds of the gradient at
several smoothings (what differs from its surroundings by an edge only).
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from imedbench.types import Array, Box, Image

Corners: TypeAlias = NDArray[np.int64]
"""(n, 4): low y, low x, high y, high x; high exclusive."""


_AGREE = 0.6
"""Boxes that overlap more speak for the same region."""
_COMPARED = 1500
"""Boxes that are weighed against each other; the largest."""


@dataclass(frozen=True, slots=True)
class RegionSettings:
    """How finely an image is parted."""

    levels: int = 12
    """Thresholds, at equal shares of the image's pixels."""
    smoothings: tuple[float, ...] = (1.0, 2.0, 4.0)
    """Standard deviation in pixels before each watershed, on an image of 512 pixels."""
    longest_side: int = 512
    """Larger images are parted at this size."""
    least_side: int = 6
    """Smaller boxes are dropped; pixels at that size."""
    largest_fraction: float = 0.8
    """Regions over more of the image are dropped."""
    least_contrast: float = 2.0
    """Standard deviation of the grey levels (0 to 255) in a box; evener ones, such as air, are dropped."""
    box_iou: float = 0.7
    """Of two boxes that overlap more than this one is dropped."""
    most: int = 200
    """Boxes in all; large ones that many partings agree on come first."""


def region_boxes(image: Image, settings: RegionSettings | None = None) -> list[Box]:
    """Boxes of the regions of a 2-D uint8 image, many scales, no near duplicates; the same for equal input."""
    settings = settings or RegionSettings()
    grey = grey_levels(image.voxels)
    scale = min(1.0, settings.longest_side / max(grey.shape))
    small = _shrink(grey, scale)
    found = np.concatenate([_components(small, settings), _basins(small, settings)])
    corners = _distinct(found[contrast(small, found) >= settings.least_contrast], settings)
    factors = np.tile(np.array(grey.shape) / np.array(small.shape), 2)
    exact = np.minimum(np.rint(corners * factors), np.tile(grey.shape, 2))
    return [Box((float(y0), float(x0)), (float(y1), float(x1))) for y0, x0, y1, x1 in exact]


def grey_levels(voxels: Array) -> Array:
    """(h, w) uint8 of a picture of one or more channels."""
    if voxels.ndim == 2:
        return voxels.astype(np.uint8, copy=False)
    return np.asarray(voxels.mean(2), np.uint8)


def _shrink(grey: Array, scale: float) -> Array:
    import cv2

    if scale == 1:
        return np.ascontiguousarray(grey)
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    shrunk: Array = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return shrunk


def _components(grey: Array, settings: RegionSettings) -> Corners:
    """Components of the image above, below and between thresholds."""
    import cv2

    calm = cv2.medianBlur(grey, 5)
    cuts = _cuts(calm, settings.levels)
    pairs = [(low, 255) for low in cuts] + [(0, high - 1) for high in cuts]
    pairs += [(low, high - 1) for step in (2, 4) for low, high in zip(cuts, cuts[step:], strict=False)]
    bridge = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    boxes = []
    for low, high in pairs:
        inside = cv2.morphologyEx(cv2.inRange(calm, low, high), cv2.MORPH_OPEN, bridge)
        _, _, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=4)
        boxes.append(_sensible(stats[1:], grey.shape, settings))
    return np.concatenate(boxes) if boxes else np.zeros((0, 4), np.int64)


def _cuts(grey: Array, levels: int) -> list[int]:
    """Distinct thresholds at equal shares of the pixels that are not the darkest: air is most of many images."""
    pixels = grey[grey > grey.min()]
    if not len(pixels):
        return []
    shares = np.quantile(pixels, np.linspace(0, 1, levels + 2)[1:-1])
    return sorted({int(share) for share in np.ceil(shares)} | {int(grey.min()) + 1})


def _basins(grey: Array, settings: RegionSettings) -> Corners:
    """Watersheds of the gradient, coarser with each smoothing."""
    import cc3d
    import cv2

    boxes = [np.zeros((0, 4), np.int64)]
    for sigma in settings.smoothings:
        smooth = cv2.GaussianBlur(grey, (0, 0), sigma).astype(np.float32)
        slope = cv2.magnitude(cv2.Scharr(smooth, cv2.CV_32F, 1, 0), cv2.Scharr(smooth, cv2.CV_32F, 0, 1))
        floor = (slope <= np.median(slope[slope > 0]) if slope.any() else slope <= 0).astype(np.uint8)
        markers = cv2.connectedComponents(cv2.erode(floor, np.ones((3, 3), np.uint8)), connectivity=4)[1]
        top = slope.max() or 1.0
        relief = cv2.cvtColor((slope * (255 / top)).astype(np.uint8), cv2.COLOR_GRAY2BGR)
        labels = cv2.watershed(relief, markers.astype(np.int32))
        statistics = cc3d.statistics(np.maximum(labels, 0).astype(np.uint32))
        corners = statistics["bounding_boxes"][1:]
        stats = np.array(
            [
                (box[1].start, box[0].start, box[1].stop - box[1].start, box[0].stop - box[0].start, count)
                for box, count in zip(corners, statistics["voxel_counts"][1:], strict=True)
                if box is not None
            ],
            np.int64,
        ).reshape(-1, 5)
        boxes.append(_sensible(stats, grey.shape, settings))
    return np.concatenate(boxes)


def _sensible(stats: Array, shape: tuple[int, ...], settings: RegionSettings) -> Corners:
    """Boxes of OpenCV's (x, y, width, height, area) that are neither tiny nor most of the image."""
    x, y, width, height, area = stats.astype(np.int64).T
    kept = (np.minimum(width, height) >= settings.least_side) & (area <= settings.largest_fraction * np.prod(shape))
    boxes: Corners = np.stack([y, x, y + height, x + width], 1)[kept]
    return boxes


def contrast(grey: Array, corners: Corners) -> NDArray[np.float64]:
    """(n,): standard deviation of the grey levels (h, w) in each box."""
    import cv2

    sums = cv2.integral2(grey, sdepth=cv2.CV_64F, sqdepth=cv2.CV_64F)
    y0, x0, y1, x1 = corners.T
    count = np.maximum((y1 - y0) * (x1 - x0), 1)
    mean, square = ((table[y1, x1] - table[y0, x1] - table[y1, x0] + table[y0, x0]) / count for table in sums)
    deviation: NDArray[np.float64] = np.sqrt(np.maximum(square - mean**2, 0))
    return deviation


def _distinct(corners: Corners, settings: RegionSettings) -> Corners:
    """Boxes of which no two overlap too much, large ones that many partings agree on first."""
    kept: list[int] = []
    if not len(corners):
        return corners
    corners, times = np.unique(corners, axis=0, return_counts=True)
    sizes = (corners[:, 2:] - corners[:, :2]).prod(1)
    # A noisy image falls into very many specks; only so many boxes can be compared with each other.
    large = np.argsort(-sizes, kind="stable")[:_COMPARED]
    corners, times, sizes = corners[large], times[large], sizes[large]
    iou = box_overlaps(corners, corners)
    votes = (iou > _AGREE) @ times
    worth = votes * np.sqrt(sizes)
    free = np.ones(len(corners), np.bool_)
    for index in np.argsort(-worth, kind="stable"):
        if free[index]:
            kept.append(index)
            free &= iou[index] <= settings.box_iou
        if len(kept) == settings.most:
            break
    return corners[kept]


def box_overlaps(first: Corners, second: Corners) -> NDArray[np.float32]:
    """(n, m): intersection over union of every pair of boxes."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(2)
    sizes = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (first, second)]
    iou: NDArray[np.float32] = (shared / (sizes[0][:, None] + sizes[1][None] - shared)).astype(np.float32)
    return iou
