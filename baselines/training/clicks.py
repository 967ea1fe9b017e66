"""Simulated clicks where the masks are: on the device, whole batches, nothing fetched from it.

Random numbers come in from outside, so that a GPU and a CPU click alike.
"""

import torch
from torch import Tensor

NOWHERE = -1
"""Label of a click that there was no place for."""


def clicks_in(regions: Tensor, chance: Tensor) -> tuple[Tensor, Tensor]:
    """Clicks on pixels of regions, all pixels of a region equally likely, with replacement.

    Args:
        regions: (b, h, w) bool.
        chance: (b, n), uniform from 0 to 1.

    Returns:
        (b, n, 2) places (y, x), 0 for an empty region; (b, n) bool, whether there was a place.
    """
    upto = regions.flatten(1).cumsum(1, dtype=torch.int32)
    size = upto[:, -1:]
    wanted = (chance * size).int().clamp(max=size - 1) + 1
    pixel = torch.searchsorted(upto, wanted.clamp(min=1)).clamp(max=upto.shape[1] - 1)
    found = (size > 0).expand_as(wanted)
    places = torch.stack([pixel // regions.shape[2], pixel % regions.shape[2]], 2)
    return places * found[..., None], found


def corrections(guess: Tensor, truth: Tensor, chance: Tensor) -> tuple[Tensor, Tensor]:
    """Clicks on pixels where a guess is wrong, missed and false ones equally likely.

    Args:
        guess: (b, h, w) bool.
        truth: (b, h, w) bool.
        chance: (b, n), uniform from 0 to 1.

    Returns:
        (b, n, 2) places (y, x); (b, n) labels: 1 on what was missed, 0 on what is false, `NOWHERE` where nothing is
        wrong.
    """
    places, found = clicks_in(guess ^ truth, chance)
    rows = torch.arange(len(truth), device=truth.device)[:, None]
    inside = truth[rows, places[..., 0], places[..., 1]].long()
    return places, torch.where(found, inside, NOWHERE)
