"""What strokes are made of: skeletons, lines, outlines, smooth noise and bending; in two and three dimensions."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from imedbench.prompts.depth import rim
from imedbench.types import Array, Mask

TRUNCATED = 3.0
"""Kernels of a blur end after so many standard deviations."""


def skeleton(mask: Mask) -> Mask:
    """One voxel wide, with the topology of the mask; at least one voxel where the mask has one."""
    from skimage import morphology

    thinning: Callable[[Mask], Mask] = morphology.skeletonize
    # A rim of zeros: thinning treats the border of an array in its own ways.
    thin = thinning(np.pad(mask, 1))[(slice(1, -1),) * mask.ndim].astype(np.bool_)
    return thin if thin.any() else mask


def lines(mask: Mask, count: int, rng: Generator) -> Mask:
    """Straight lines between pairs of voxels drawn from the mask; they may leave it where it is not convex."""
    inside = np.flatnonzero(mask)
    drawn = np.zeros(mask.shape, np.bool_)
    for _ in range(count):
        ends = np.stack(np.unravel_index(rng.choice(inside, 2), mask.shape), axis=1)
        steps = int(np.abs(ends[1] - ends[0]).max()) + 1
        places = np.rint(np.linspace(ends[0], ends[1], steps)).astype(int)
        drawn[tuple(places.T)] = True
    return drawn


def contour(mask: Mask, blur: float, rng: Generator) -> Mask:
    """The outline of the mask without a rim of a width drawn at random, after ScribblePrompt.

    Where the mask is blurred, its middle stays nearest to 1. A threshold is drawn uniformly between the least and the
    greatest value in the mask; what is above it is left, and its outermost pixels are the contour.
    """
    from scipy.ndimage import gaussian_filter

    reach = int(np.ceil(TRUNCATED * blur))
    wide = np.pad(mask, reach).astype(np.float32)
    soft = gaussian_filter(wide, blur, mode="constant", truncate=TRUNCATED)[(slice(reach, -reach),) * mask.ndim]
    values = soft[mask]
    return rim(mask & (soft >= rng.uniform(values.min(), values.max())))


def thickened(stroke: Mask, thickness: int) -> Mask:
    """The stroke as a square pen of this width draws it."""
    from scipy.ndimage import maximum_filter

    if thickness == 1:
        return stroke
    thick: Mask = maximum_filter(stroke, size=thickness, mode="constant")
    return thick


def noise(shape: tuple[int, ...], smoothing: float, rng: Generator) -> NDArray[np.float32]:
    """White noise, blurred with this standard deviation and of mean 0 and deviation 1: that of a far larger image.

    So an object's place in the image and the size of what is cropped do not matter. It is made on a grid a quarter of
    the smoothing apart, and interpolated: on a finer grid it would hold nothing more.
    """
    from scipy.ndimage import affine_transform, gaussian_filter

    step = max(1.0, smoothing / 4)
    reach = int(np.ceil(TRUNCATED * smoothing / step))
    nodes = tuple(int(np.ceil(size / step)) + 1 for size in shape)
    white = rng.standard_normal(tuple(size + 2 * reach for size in nodes), np.float32)
    soft = gaussian_filter(white, smoothing / step, mode="constant", truncate=TRUNCATED)
    unit = np.zeros(2 * reach + 1)
    unit[reach] = 1
    kernel = gaussian_filter(unit, smoothing / step, mode="constant", truncate=TRUNCATED)
    soft = soft[(slice(reach, -reach),) * len(shape)] / float(np.sqrt((kernel**2).sum()) ** len(shape))
    fine: NDArray[np.float32] = affine_transform(soft, np.full(len(shape), 1 / step), output_shape=shape, order=1)
    return fine


def warped(stroke: Mask, steps: Sequence[Array]) -> Mask:
    """The stroke as seen through a displacement of each voxel; what touches a voxel counts, so lines stay whole."""
    from scipy.ndimage import map_coordinates

    places = np.indices(stroke.shape, np.float32) + np.stack(list(steps))
    seen: Mask = map_coordinates(stroke.astype(np.float32), places, order=1, mode="constant") > 0
    return seen
