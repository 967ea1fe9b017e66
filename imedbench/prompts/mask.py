"""Masks as prompts: the last answer, or the truth; whole or damaged."""

from typing import Literal

import numpy as np
from numpy.random import Generator
from pydantic import Field

from imedbench.prompts.base import Scene, Simulator
from imedbench.prompts.depth import bounds, dilated, eroded
from imedbench.types import Logits, Mask, MaskPrompt


class MaskUser(Simulator):
    """Gives a mask as logits, damaged in this order: eroded, dilated, shifted, with holes."""

    simulate: Literal["mask"] = "mask"
    source: Literal["previous", "truth"] = "previous"
    """The last answer's logits as they are where no damage is asked for; or the truth."""
    eroded: float = Field(default=0, ge=0)
    """Radius in voxels. What would vanish keeps its deepest voxels."""
    dilated: float = Field(default=0, ge=0)
    """Radius in voxels."""
    shifted: int = Field(default=0, ge=0)
    """Each axis by a whole number of voxels, drawn from minus to plus this; what leaves the grid is lost."""
    holes: int = Field(default=0, ge=0)
    """Round holes, centred on voxels drawn from the mask."""
    hole_radius: float = Field(default=3, gt=0)
    """In voxels."""
    certainty: float = Field(default=8, gt=0)
    """Logit inside a mask made of the truth, and minus this outside."""

    def draw(self, truth: Mask, guess: Mask, rng: Generator, scene: Scene) -> tuple[MaskPrompt, ...]:
        """One mask; none where the last answer is wanted and there is none."""
        if self.source == "truth":
            logits = np.where(truth, np.float32(self.certainty), np.float32(-self.certainty))
        elif scene.logits is None:
            return ()
        else:
            logits = scene.logits
        return (MaskPrompt(with_sign(logits, self._damaged(logits > 0, rng))),)

    def _damaged(self, mask: Mask, rng: Generator) -> Mask:
        mask = dilated(eroded(mask, self.eroded), self.dilated)
        if self.shifted:
            mask = moved(mask, [int(step) for step in rng.integers(-self.shifted, self.shifted + 1, mask.ndim)])
        inside = np.flatnonzero(mask)
        if self.holes and len(inside):
            centres = np.zeros(mask.shape, np.bool_)
            centres.ravel()[rng.choice(inside, min(self.holes, len(inside)), replace=False)] = True
            mask = mask & ~dilated(centres, self.hole_radius)
        return mask


def with_sign(logits: Logits, mask: Mask) -> Logits:
    """The logits, above 0 in the mask and below outside: where they are not, their sign is turned."""
    least = np.finfo(np.float32).tiny
    size = np.maximum(np.abs(logits), least)
    changed: Logits = np.where((logits > 0) == mask, logits, np.where(mask, size, -size))
    return changed


def moved(mask: Mask, steps: list[int]) -> Mask:
    """The mask, shifted by whole voxels along each axis; what leaves the grid is lost."""
    box = bounds(mask)
    result = np.zeros_like(mask)
    if box is None:
        return result
    here, there = [], []
    for part, step, size in zip(box, steps, mask.shape, strict=True):
        start, stop = max(part.start + step, 0), min(part.stop + step, size)
        if start >= stop:
            return result
        there.append(slice(start, stop))
        here.append(slice(start - step, stop - step))
    result[tuple(there)] = mask[tuple(here)]
    return result
