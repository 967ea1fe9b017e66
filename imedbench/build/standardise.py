"""Studies become standardised pictures: planes of volumes, 8-bit intensities, masks on the same pixels.

After the SA-Med2D-20M protocol (Ye et al. 2023) as section 3.1 of the IMed-361M paper uses it. A plane of a volume is
stored as a radiologist sees it: half a turn from the RAS+ array, whatever the axis.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from imedbench.masks import MaskInfo, Masks, ranges
from imedbench.types import Array, Image
from imedbench.window import Window, to_8bit

HALF_TURN = (slice(None, None, -1), slice(None, None, -1))


@dataclass(frozen=True, slots=True)
class Plane:
    """Which plane of a volume: ``axis`` 0 axial, 1 coronal, 2 sagittal."""

    axis: int
    index: int

    @property
    def suffix(self) -> str:
        """What the plane's case id has after the study's: ``z0042``, ``y0042`` or ``x0042``."""
        return f"{'zyx'[self.axis]}{self.index:04d}"


def planes_of(grid: tuple[int, ...], axes: Sequence[int], every: int) -> list[Plane]:
    """The planes to take from a volume of this (z, y, x) grid: every ``every``-th along each axis."""
    return [Plane(axis, index) for axis in axes for index in range(every // 2, grid[axis], every)]


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """The masks of a volume as as few label maps as their overlaps allow, ready to be cut into planes."""

    maps: tuple[Array, ...]
    infos: tuple[dict[int, MaskInfo], ...]

    @classmethod
    def of(cls, masks: Masks) -> "Layers":
        """Puts each mask in the first map that has no voxel of it yet."""
        shared = masks.intersections(masks)
        chosen: list[list[int]] = []
        for index in range(len(masks)):
            free = (layer for layer in chosen if not shared[index, layer].any())
            layer = next(free, None)
            if layer is None:
                chosen.append([index])
            else:
                layer.append(index)
        kind = np.uint8 if max(map(len, chosen), default=0) < 255 else np.uint16
        maps = []
        for layer in chosen:
            labels = np.zeros(masks.shape, kind)
            for value, index in enumerate(layer, 1):
                _paint(labels, masks, index, value)
            maps.append(labels)
        infos = tuple({value: masks.infos[index] for value, index in enumerate(layer, 1)} for layer in chosen)
        return cls(tuple(maps), infos)

    def cut(self, plane: Plane) -> Masks | None:
        """The masks that the plane meets, upright; None where it meets none."""
        found = []
        for labels, infos in zip(self.maps, self.infos, strict=True):
            cut = upright(labels, plane)
            present = [int(value) for value in np.flatnonzero(np.bincount(cut.reshape(-1), minlength=1)[1:]) + 1]
            if present:
                found.append(Masks.from_labels(cut, {value: infos[value] for value in present}))
        return Masks.concatenate(found) if found else None


def upright(volume: Array, plane: Plane) -> Array:
    """A plane of a (z, y, x) array as a (rows, columns) picture, any trailing channel axis kept."""
    return np.ascontiguousarray(volume.take(plane.index, axis=plane.axis)[HALF_TURN])


def cut_planes(
    image: Image, layers: Layers, planes: Sequence[Plane], window: Window
) -> Iterator[tuple[Plane, Image, Masks | None]]:
    """The planes of a volume as 8-bit pictures with their masks (None where a plane has none)."""
    for plane in planes:
        yield plane, picture_of(image, plane, window), layers.cut(plane)


def picture_of(image: Image, plane: Plane, window: Window) -> Image:
    """One plane of a volume as an 8-bit `Image` that knows where it lies."""
    across = [axis for axis in range(3) if axis != plane.axis]
    place = np.zeros((4, 4))
    # (0, row, column, 1) of the picture to (z, y, x, 1) of the volume: half a turn in the plane.
    for picture_axis, axis in zip((1, 2), across, strict=True):
        place[axis, picture_axis] = -1.0
        place[axis, 3] = image.grid[axis] - 1
    place[plane.axis, 0] = 1.0
    place[plane.axis, 3] = plane.index
    place[3, 3] = 1.0
    return Image(
        voxels=to_8bit(upright(image.voxels, plane), window),
        spacing_mm=tuple(image.spacing_mm[axis] for axis in across),
        affine=image.affine @ place,
        modality=image.modality,
        channels=image.channels,
    )


def _paint(labels: Array, masks: Masks, index: int, value: int) -> None:
    """Writes one mask into a label map, run by run in the flattened grid."""
    first, last = masks.indptr[index], masks.indptr[index + 1]
    labels.reshape(-1)[ranges(masks.starts[first:last], masks.lengths[first:last])] = value
