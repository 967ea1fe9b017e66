"""The simulated user of PRISM's training: points, and the middle lines, of what is wrong."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from baselines.prism.course import Session
from baselines.prism.prompts import INSIDE, NOWHERE, OUTSIDE
from baselines.training.clicks import corrections
from baselines.training.trainee import Chance
from imedbench.prompts.scribble import ScribbleUser
from imedbench.types import Array, Mask, Scribble

_MISSED = ScribbleUser(region="missed", slices="each")
_SURPLUS = ScribbleUser(region="surplus", slices="each")
Points = tuple[Tensor, Tensor]
"""(b, n, 3) voxels x, y, z and (b, n) labels."""


def points(guess: Tensor, truth: Tensor, *, session: Session, chance: Chance, turn: int) -> Points:
    """Of all that is wrong in (b, S, S, S) any voxel, misses and what is false together; as many for each target."""
    any_of_them = session.any_number
    count = int(chance.common(turn).integers(1, session.points + 1)) if any_of_them else session.points
    draws = chance.draws(2 * turn, (1, count))
    return corrections(guess, truth, draws.to(truth.device))


def scribbles(guess: Tensor, truth: Tensor, boxes: Tensor, *, session: Session, chance: Chance, turn: int) -> Points:
    """The voxels of what is drawn on misses and on what is false near the target, slice by slice across z.

    Lines are found on the CPU. Targets with fewer voxels have points without a place.
    """
    drawn = [
        _drawn(
            *(_upright(one), _upright(other), box[[2, 1, 0, 5, 4, 3]].numpy()),
            session=session,
            rng=chance.own(sample, 2 * turn + 1),
        )
        for sample, (one, other, box) in enumerate(zip(guess.cpu(), truth.cpu(), boxes.cpu(), strict=True))
    ]
    most = max(len(places) for places, _ in drawn)
    where, labels = torch.zeros(len(drawn), most, 3, dtype=torch.int64), torch.full((len(drawn), most), NOWHERE)
    for row, (places, kinds) in enumerate(drawn):
        where[row, : len(places)] = torch.from_numpy(places[:, ::-1].copy())
        labels[row, : len(places)] = torch.from_numpy(kinds)
    return where.to(truth.device), labels.to(truth.device)


def _drawn(guess: Mask, truth: Mask, box: Array, *, session: Session, rng: np.random.Generator) -> tuple[Array, Array]:
    """(n, 3) voxels z, y, x and (n,) labels, for one target."""
    near = np.zeros_like(guess)
    low, high = (box[:3] - session.scribble_margin).clip(0), box[3:] + session.scribble_margin
    near[tuple(slice(*each) for each in zip(low, high, strict=True))] = True
    found, kinds = [np.zeros((0, 3), np.int64)], [np.zeros(0, np.int64)]
    for user, seen, label in ((_MISSED, guess, INSIDE), (_SURPLUS, guess & (near | truth), OUTSIDE)):
        strokes = [each.voxels for each in user(truth, seen, rng) if isinstance(each, Scribble)]
        places = _run(strokes, session, rng)
        found.append(places)
        kinds.append(np.full(len(places), label))
    return np.concatenate(found), np.concatenate(kinds)


def _run(strokes: Sequence[Array], session: Session, rng: np.random.Generator) -> Array:
    """All voxels in raster order, x slowest as published; of many, a run."""
    if not strokes:
        return np.zeros((0, 3), np.int64)
    voxels = np.concatenate(strokes).astype(np.int64)
    voxels = voxels[np.lexsort((voxels[:, 0], voxels[:, 1], voxels[:, 2]))]
    if len(voxels) < session.scribble_from:
        return voxels
    start = int(rng.integers(0, len(voxels) - session.scribble_most + 1))
    return voxels[start : start + session.scribble_most]


def _upright(cube: Tensor) -> Mask:
    """(x, y, z) as an array (z, y, x)."""
    turned: Mask = cube.permute(2, 1, 0).numpy()
    return turned


def together(parts: Sequence[Points]) -> Points:
    """Points side by side."""
    places, labels = zip(*parts, strict=True)
    return torch.cat(places, 1), torch.cat(labels, 1)


def marked(said: Tensor, given: Points) -> Tensor:
    """Maps (b, 2, S, S, S) bool of voxels said to be inside, and outside, with those of a turn added."""
    places, labels = given
    found = said.clone()
    flat = found.flatten(2)
    voxel = (places[..., 0] * said.shape[3] + places[..., 1]) * said.shape[4] + places[..., 2]
    for channel, kind in enumerate((INSIDE, OUTSIDE)):
        row = flat[:, channel]
        row.scatter_(1, voxel, (labels == kind) | row.gather(1, voxel))
    return found
