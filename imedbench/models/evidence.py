"""What prompts say of intensities: histograms of what they mark as inside and as outside.

Images come in bins of 0 to 255. Each prompt has one vote, a histogram of sum 1, however many voxels it covers.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from imedbench.types import Array, Box, Click, Mask, Scribble

BINS = 256
Histogram = NDArray[np.float64]
Region = tuple[slice, ...]

_AROUND = 3
"""Voxels around a click that are looked at along each axis, weighed by a Gaussian of half that width."""
_RING = 0.25
"""Of a box's length: how far beyond each of its sides counts as outside."""
_SPREAD = 4.0
"""Bins by which grey values of one tissue differ."""
_FLOOR = 0.05
"""Share of a vote that is spread over all bins: nothing is impossible."""


def log_ratio(inside: Iterable[Histogram], outside: Iterable[Histogram], limit: float) -> NDArray[np.float32]:
    """(256,) log of how much likelier each bin is inside than outside, by the mean vote of each side, within ±limit."""
    reach = np.arange(-3 * int(_SPREAD), 3 * int(_SPREAD) + 1)
    kernel = np.exp(-0.5 * (reach / _SPREAD) ** 2)
    likely = []
    for votes in (list(inside), list(outside)):
        mean = np.mean(votes, 0) if votes else np.full(BINS, 1 / BINS)
        smooth = np.convolve(mean, kernel / kernel.sum(), "same")
        likely.append((1 - _FLOOR) * smooth + _FLOOR / BINS)
    return np.clip(np.log(likely[0] / likely[1]), -limit, limit).astype(np.float32)


def vote_of_all(bins: Array) -> Histogram:
    """The whole image's."""
    return _normal(np.bincount(bins.reshape(-1), minlength=BINS))


def vote_of_click(bins: Array, click: Click, spacing_mm: Sequence[float]) -> Histogram:
    """That of the neighbourhood of a click; distances are millimetres, so a thick slice's neighbours hardly count."""
    centre = voxel_of(click, bins.shape)
    region = tuple(slice(max(at - _AROUND, 0), at + _AROUND + 1) for at in centre)
    width_mm = _AROUND / 2 * min(spacing_mm)
    weights = np.ones((1,) * bins.ndim)
    for axis, (cut, at) in enumerate(zip(region, centre, strict=True)):
        away_mm = (np.arange(cut.start, min(cut.stop, bins.shape[axis])) - at) * spacing_mm[axis]
        weights = weights * _along(np.exp(-0.5 * (away_mm / width_mm) ** 2), axis, bins.ndim)
    return _weighed(bins[region], weights)


def vote_of_scribble(bins: Array, scribble: Scribble) -> Histogram:
    """That of the voxels of a stroke."""
    return _normal(np.bincount(bins[tuple(scribble.voxels.T)], minlength=BINS))


def votes_of_box(bins: Array, box: Box) -> tuple[Histogram, list[Histogram]]:
    """Inside: the box, its centre before its sides. Outside: a ring around it, where the image has one."""
    region = region_of(box, bins.shape)
    weights = np.ones((1,) * bins.ndim)
    for axis, cut in enumerate(region):
        length = cut.stop - cut.start
        weights = weights * _along(np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2, axis, bins.ndim)
    return _weighed(bins[region], weights), _ring(bins, region, np.bincount(bins[region].reshape(-1), minlength=BINS))


def votes_of_mask(bins: Array, mask: Mask) -> tuple[Histogram, list[Histogram]] | None:
    """Inside: the mask. Outside: the rest of its box, grown. None where the mask is empty."""
    if not mask.any():
        return None
    region = []
    for axis in range(mask.ndim):
        met = np.flatnonzero(mask.any(tuple(other for other in range(mask.ndim) if other != axis)))
        region.append(slice(int(met[0]), int(met[-1]) + 1))
    counts = np.bincount(bins[mask], minlength=BINS)
    return _normal(counts), _ring(bins, tuple(region), counts)


def voxel_of(click: Click, grid: Sequence[int]) -> tuple[int, ...]:
    """The voxel of a click, the nearest one inside the grid."""
    return tuple(min(max(int(np.floor(at + 0.5)), 0), length - 1) for at, length in zip(click.at, grid, strict=True))


def region_of(box: Box, grid: Sequence[int]) -> Region:
    """The voxels whose centres are in a box, at least one along each axis."""
    region = []
    for low, high, length in zip(box.low, box.high, grid, strict=True):
        start = min(max(int(np.ceil(low)), 0), length - 1)
        region.append(slice(start, max(min(int(np.ceil(high)), length), start + 1)))
    return tuple(region)


def _ring(bins: Array, region: Region, inside: Array) -> list[Histogram]:
    """The vote of the region grown, less what is inside; none where nothing is left."""
    grown = []
    for cut, length in zip(region, bins.shape, strict=True):
        thickness = cut.stop - cut.start
        # A box of one slice says nothing of the slices beside it.
        wide = max(2, round(_RING * thickness)) if thickness > 1 else 0
        grown.append(slice(max(cut.start - wide, 0), min(cut.stop + wide, length)))
    counts = np.bincount(bins[tuple(grown)].reshape(-1), minlength=BINS) - inside
    return [_normal(counts)] if counts.any() else []


def _along(values: Array, axis: int, dimensions: int) -> Array:
    return values.reshape([-1 if each == axis else 1 for each in range(dimensions)])


def _weighed(bins: Array, weights: Array) -> Histogram:
    return _normal(np.bincount(bins.reshape(-1), np.broadcast_to(weights, bins.shape).reshape(-1), minlength=BINS))


def _normal(counts: Array) -> Histogram:
    histogram: Histogram = counts / counts.sum()
    return histogram
