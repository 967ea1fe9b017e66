"""Simulated clicks where the masks are: on the device, whole batches, nothing fetched from it.

Random numbers come in from outside, so that a GPU and a CPU click alike.
"""

import torch
from torch import Tensor
from torch.nn import functional

NOWHERE = -1
"""Label of a click that there was no place for."""


def clicks_in(regions: Tensor, chance: Tensor) -> tuple[Tensor, Tensor]:
    """Clicks on pixels or voxels of regions, all of a region equally likely, with replacement.

    Args:
        regions: (b, ...) bool, of d dimensions besides the first.
        chance: (b, n), uniform from 0 to 1.

    Returns:
        (b, n, d) places in the order of the axes, 0 for an empty region; (b, n) bool, whether there was a place.
    """
    upto = regions.flatten(1).cumsum(1, dtype=torch.int32)
    size = upto[:, -1:]
    wanted = (chance * size).int().clamp(max=size - 1) + 1
    pixel = torch.searchsorted(upto, wanted.clamp(min=1)).clamp(max=upto.shape[1] - 1)
    found = (size > 0).expand_as(wanted)
    places = torch.stack(torch.unravel_index(pixel, regions.shape[1:]), 2)
    return places * found[..., None], found


def deepest(regions: Tensor, chance: Tensor, reach: int = 24) -> tuple[Tensor, Tensor]:
    """A click on the deepest pixel of each region: the one that the most layers lie around.

    Layers are peeled off by squares and by crosses in turn, which measures about as far as a circle; of equally deep
    pixels chance decides.

    Args:
        regions: (b, h, w) bool; beyond its edge nothing belongs to a region.
        chance: (b, h, w), uniform from 0 to 1.
        reach: layers that are peeled off at most.

    Returns:
        (b, 1, 2) place (y, x), 0 for an empty region; (b, 1) bool, whether there was a place.
    """
    left = regions.float()[:, None]
    depth = left.clone()
    for layer in range(reach):
        padded = functional.pad(left, (1, 1, 1, 1))
        if layer % 2:
            left = -functional.max_pool2d(-padded, 3, 1)
        else:
            rows, columns = padded[..., 1:-1], padded[..., 1:-1, :]
            left = torch.minimum(-functional.max_pool2d(-rows, (3, 1), 1), -functional.max_pool2d(-columns, (1, 3), 1))
        depth += left
    ranked = (depth[:, 0] + 0.999 * chance) * regions
    pixel = ranked.flatten(1).argmax(1, keepdim=True)
    found = regions.flatten(1).any(1, keepdim=True)
    places = torch.stack([pixel // regions.shape[2], pixel % regions.shape[2]], 2)
    return places * found[..., None], found


def corrections(guess: Tensor, truth: Tensor, chance: Tensor) -> tuple[Tensor, Tensor]:
    """Clicks on pixels where a guess is wrong, missed and false ones equally likely.

    Args:
        guess: (b, ...) bool.
        truth: (b, ...) bool.
        chance: (b, n), uniform from 0 to 1.

    Returns:
        (b, n, d) places in the order of the axes; (b, n) labels: 1 on what was missed, 0 on what is false, `NOWHERE`
        where nothing is wrong.
    """
    places, found = clicks_in(guess ^ truth, chance)
    rows = torch.arange(len(truth), device=truth.device)[:, None]
    inside = truth[rows, *places.unbind(2)].long()
    return places, torch.where(found, inside, NOWHERE)
