"""Between a volume and its slices as pictures: upright as a build stores them, 8-bit, with their share of the prompts.

A slice is shown half a turn from the array, whatever the axis, so that a RAS+ volume's axial slices stand as a
radiologist sees them.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from imedbench.types import Array, Box, Click, Image, MaskPrompt, Prompt, Scribble
from imedbench.window import Window, to_8bit, window_of

_SOFT_TISSUE = (-160.0, 240.0)
"""HU; level 40 and width 400, as MedSAM's preprocessing has it."""
_AIR = -200.0
"""HU; a CT whose lowest value is above has been scaled to something else."""
_PERCENTILES = (0.5, 99.5)
"""Of the foreground, as MedSAM's preprocessing has it for everything but CT."""


@dataclass(frozen=True, slots=True)
class Slicing:
    """How a volume of this grid is cut."""

    grid: tuple[int, int, int]
    axis: int
    """0 axial, 1 coronal, 2 sagittal in a RAS+ volume."""

    def __len__(self) -> int:
        return self.grid[self.axis]

    @property
    def across(self) -> tuple[int, int]:
        """The volume's axes that become rows and columns."""
        first, second = (axis for axis in range(3) if axis != self.axis)
        return first, second

    def upright(self, volume: Array, index: int) -> Array:
        """A view of one slice of a (z, y, x) array, rows and columns turned; any trailing channel axis kept."""
        whole = slice(None)
        cut: Array = volume[(whole,) * self.axis + (index,)][::-1, ::-1]
        return cut

    def picture(self, image: Image, index: int, window: Window) -> Image:
        """One slice as an 8-bit `Image`."""
        # (0, row, column, 1) of the picture to (z, y, x, 1) of the volume.
        place = np.zeros((4, 4))
        place[self.axis, 0], place[self.axis, 3], place[3, 3] = 1.0, index, 1.0
        for picture_axis, axis in enumerate(self.across, 1):
            place[axis, picture_axis], place[axis, 3] = -1.0, self.grid[axis] - 1
        return Image(
            voxels=to_8bit(np.ascontiguousarray(self.upright(image.voxels, index)), window),
            spacing_mm=tuple(image.spacing_mm[axis] for axis in self.across),
            affine=image.affine @ place,
            modality=image.modality,
            channels=image.channels,
        )

    def place(self, prompt: Prompt) -> Iterator[tuple[int, Prompt]]:
        """What a prompt in the volume is on each slice that it concerns; words concern none in particular.

        A box gives its extent across to every slice of its range, a mask its cut to every slice that it meets.
        """
        if isinstance(prompt, Click):
            yield self._nearest(prompt.at[self.axis]), Click(self._turned(prompt.at), prompt.inside)
        elif isinstance(prompt, Box):
            low, high = self._turned(prompt.high, self.grid), self._turned(prompt.low, self.grid)
            yield from ((index, Box(low, high)) for index in self.range_of(prompt))
        elif isinstance(prompt, Scribble):
            yield from self._place_scribble(prompt)
        elif isinstance(prompt, MaskPrompt):
            met = (prompt.logits > 0).any(self.across)
            yield from (
                (int(index), MaskPrompt(np.ascontiguousarray(self.upright(prompt.logits, int(index)))))
                for index in np.flatnonzero(met)
            )

    def range_of(self, box: Box) -> range:
        """The slices whose centres are in a box; the nearest one where there are none."""
        low, high = math.ceil(box.low[self.axis]), math.ceil(box.high[self.axis])
        if low < high:
            return range(max(low, 0), min(high, len(self)))
        nearest = self._nearest((box.low[self.axis] + box.high[self.axis] - 1) / 2)
        return range(nearest, nearest + 1)

    def _place_scribble(self, scribble: Scribble) -> Iterator[tuple[int, Prompt]]:
        last = np.array([self.grid[axis] - 1 for axis in self.across])
        indices = scribble.voxels[:, self.axis]
        for index in np.unique(indices):
            turned = last - scribble.voxels[indices == index][:, self.across]
            yield int(index), Scribble(turned.astype(np.int32), scribble.inside)

    def _turned(self, point: tuple[float, ...], ends: tuple[int, ...] | None = None) -> tuple[float, ...]:
        """(row, column); counted from the last voxel, or from ``ends``, as exclusive corners are."""
        first = ends or tuple(length - 1 for length in self.grid)
        return tuple(first[axis] - point[axis] for axis in self.across)

    def _nearest(self, place: float) -> int:
        return min(max(math.floor(place + 0.5), 0), len(self) - 1)


def shown_window(image: Image) -> Window:
    """The intensities that become 0 and 255 in the pictures of a volume.

    The image's own window where it has one; 0 and 255 of 8-bit voxels; soft tissue for a CT in HU; else the 0.5th and
    99.5th percentile of what is above the lowest value.
    """
    if image.window is not None:
        return image.window
    if image.voxels.dtype == np.uint8:
        return 0.0, 255.0
    if image.modality == "ct" and float(image.voxels.min()) < _AIR:
        return _SOFT_TISSUE
    return window_of(image, "full", _PERCENTILES)
