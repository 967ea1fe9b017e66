"""Boxes around the object."""

from typing import Literal

import numpy as np
from numpy.random import Generator

from imedbench.prompts.base import Scene, Simulator
from imedbench.prompts.depth import bounds
from imedbench.types import Box, Mask


class BoxUser(Simulator):
    """The box of the object; how loose it is, is the business of imperfections."""

    simulate: Literal["box"] = "box"
    extent: Literal["tight", "each-slice", "middle-slice"] = "tight"
    """In a volume; in a picture the three are the same.

    - tight: one box, that of the object in all axes.
    - each-slice: a tight box of one slice's thickness in each slice with a part of the object.
    - middle-slice: one box, whose sides within the slice are those of the object in its middle slice, and whose range
      of slices is the object's (CVPR 2025). Of n slices with the object the middle one is number n // 2, from 0.
    """

    def on_each_slice(self) -> "BoxUser":
        """The same user, prompting each slice of a volume by itself."""
        return self.model_copy(update={"extent": "each-slice"})

    def draw(self, truth: Mask, guess: Mask, rng: Generator, scene: Scene) -> tuple[Box, ...]:
        """The boxes of a turn; guess and chance have no part in them."""
        whole = bounds(truth)
        if whole is None:
            return ()
        if self.extent == "tight" or truth.ndim == 2:
            return (_box(whole),)
        planes = [int(plane) for plane in np.flatnonzero(truth.any(axis=(1, 2)))]
        if self.extent == "middle-slice":
            within = bounds(truth[planes[len(planes) // 2]]) or ()
            return (_box((whole[0], *within)),)
        return tuple(_box((slice(plane, plane + 1), *(bounds(truth[plane]) or ()))) for plane in planes)


def _box(sides: tuple[slice, ...]) -> Box:
    return Box(tuple(side.start for side in sides), tuple(side.stop for side in sides))
