"""What users say of targets, as the network takes it: any mixture of clicks, boxes and earlier masks in one batch."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from baselines.imis_lite.encoder import SIDE

GRID = 128
"""Rows and columns of the maps that prompts are drawn on, over the encoder's square."""
DRAWN = 256
"""Rows and columns of masks, given and answered, over the same square."""
NOTHING, OUTSIDE, INSIDE, FIRST, LAST = -1, 0, 1, 2, 3
"""What a point is: padding, a click outside the target or inside, the first or last pixel of a box."""
_SPREAD = 8.0
"""Twice the variance of the spot that stands for a click, in the grid's pixels."""
_STEEP = 2.0
"""Of a box's edge."""


@dataclass(frozen=True, slots=True, eq=False)
class Prompts:
    """Of b targets on one image; each may lack any of them."""

    points: Tensor
    """(b, n, 2) places (x, y) on the encoder's square, integers at pixel centres."""
    kinds: Tensor
    """(b, n) what each is, `NOTHING` to `LAST`."""
    masks: Tensor
    """(b, 256, 256) logits of the answer to be bettered."""
    masked: Tensor
    """(b,) 1 where there is one, else 0."""

    @classmethod
    def of(
        cls,
        clicks: tuple[Tensor, Tensor] | None = None,
        boxes: Tensor | None = None,
        masks: Tensor | None = None,
    ) -> Self:
        """Prompts of b targets.

        Args:
            clicks: (b, n, 2) places (x, y) and (b, n) labels: 1 inside, 0 outside, -1 no click.
            boxes: (b, 4) first and last x and y inside, not a number for a target without.
            masks: (b, 256, 256) logits, not a number for a target without.

        Raises:
            ValueError: there is none of them.
        """
        given = [each for each in (clicks and clicks[0], boxes, masks) if each is not None]
        if not given:
            message = "prompts without a click, a box or a mask"
            raise ValueError(message)
        count = len(given[0])
        blank = given[0].new_zeros
        points, kinds = [blank(count, 0, 2)], [blank(count, 0, dtype=torch.long)]
        if clicks is not None:
            points.append(clicks[0])
            kinds.append(clicks[1])
        if boxes is not None:
            boxed = ~boxes.isnan().any(1, keepdim=True)
            points.append(boxes.nan_to_num().view(count, 2, 2))
            kinds.append(torch.where(boxed, torch.tensor([FIRST, LAST], device=boxes.device), NOTHING))
        logits = blank(count, DRAWN, DRAWN) if masks is None else masks
        masked = blank(count) if masks is None else (~masks.isnan().flatten(1).any(1)).float()
        return cls(torch.cat(points, 1), torch.cat(kinds, 1), logits.nan_to_num(), masked)

    def softened(self) -> Tensor:
        """(b, 128, 128): the earlier masks from -1 to 1, 0 for none."""
        coarse = functional.avg_pool2d(self.masks[:, None], DRAWN // GRID)[:, 0]
        return torch.tanh(coarse / 4) * self.masked[:, None, None]

    def drawn(self) -> Tensor:
        """(b, 4, 128, 128): spots of clicks inside, of clicks outside, the box, the earlier mask."""
        along = torch.arange(GRID, dtype=self.points.dtype, device=self.points.device)
        scale = GRID / SIDE
        places = (self.points + 0.5) * scale - 0.5
        across, down = (torch.exp(-((along - places[..., axis, None]).square()) / _SPREAD) for axis in (0, 1))
        spots = [
            torch.einsum("bn,bny,bnx->byx", (self.kinds == kind).to(along.dtype), down, across).clamp(max=1)
            for kind in (INSIDE, OUTSIDE)
        ]
        return torch.stack([*spots, self._boxes(places, along), self.softened()], 1)

    def _boxes(self, places: Tensor, along: Tensor) -> Tensor:
        """(b, 128, 128): 1 inside the box, soft at its edge, 0 without a box."""
        first, last = ((places * (self.kinds == kind)[..., None]).sum(1) for kind in (FIRST, LAST))
        boxed = (self.kinds == FIRST).any(1).to(along.dtype)
        columns, rows = (
            torch.sigmoid(_STEEP * (along - first[:, axis, None] + 0.5))
            * torch.sigmoid(_STEEP * (last[:, axis, None] + 0.5 - along))
            for axis in (0, 1)
        )
        return (rows * boxed[:, None])[:, :, None] * columns[:, None]
