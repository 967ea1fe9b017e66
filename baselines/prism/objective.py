"""PRISM's losses (Li et al. 2024, section 2), as the paper states them and as the published code came to."""

import torch
from torch import Tensor
from torch.nn import functional

from baselines.prism.course import Objective
from baselines.prism.network import Answer

_SMOOTH = 1e-5
_POOLS = (5, 1, 1), (1, 5, 1)
"""Boundaries are those within planes of the last axis; a mean over rows of means over columns is that over both."""


def dice_loss(likely: Tensor, truth: Tensor) -> Tensor:
    """(b,) of probabilities and truth (b, ...): one less twice the overlap over the sum of squares."""
    likely, truth = likely.flatten(1), truth.flatten(1)
    both = (likely * truth).sum(1)
    return 1 - (2 * both + _SMOOTH) / (likely.square().sum(1) + truth.square().sum(1) + _SMOOTH)


def soft_dice(likely: Tensor, truth: Tensor) -> Tensor:
    """(b,): what scores learn to predict; without squares."""
    likely, truth = likely.flatten(1), truth.flatten(1)
    return (2 * (likely * truth).sum(1) + _SMOOTH) / (likely.sum(1) + truth.sum(1) + _SMOOTH)


def boundary(values: Tensor) -> Tensor:
    """(b, 1, h, w, d): how far each voxel is from the mean of its five by five neighbours in the plane."""
    means = values
    for pool in _POOLS:
        means = functional.avg_pool3d(means, pool, 1, [side // 2 for side in pool])
    return (values - means).abs()


class Losses:
    """What a course's objective makes of answers."""

    def __init__(self, objective: Objective, truth: Tensor) -> None:
        """``truth`` is (b, 1, S, S, S) of 0 and 1; its boundary is found once."""
        self._objective, self._truth = objective, truth
        self._edges = boundary(truth)

    def __call__(self, answer: Answer) -> dict[str, Tensor]:
        """Scalars: ``loss``, and its parts for the log."""
        scores = answer.candidates.scores
        parts: dict[str, Tensor] = {"candidates": scores.new_zeros(()), "score": scores.new_zeros(())}
        for index in range(scores.shape[1]):
            logits = answer.candidates.logits[:, index : index + 1].float()
            likely = torch.sigmoid(logits)
            parts["candidates"] = parts["candidates"] + self.structure(logits, likely) + self._edge(likely)
            reached = soft_dice(likely.detach(), self._truth)
            parts["score"] = parts["score"] + (scores[:, index] - reached).square().sum()
        loss = parts["candidates"] + self._objective.score * parts["score"]
        if answer.errors is not None:
            logits = answer.logits.float()
            likely = torch.sigmoid(logits)
            refined = self.structure(logits, likely)
            if self._objective.refined == "paper":
                refined = refined + self._edge(likely)
            parts["refined"] = refined
            loss = loss + refined
        return {"loss": loss, **parts}

    def structure(self, logits: Tensor, likely: Tensor) -> Tensor:
        """Dice loss, with the cross-entropy of each voxel or without."""
        loss = dice_loss(likely, self._truth).mean()
        if self._objective.structure == "dice-bce":
            loss = loss + functional.binary_cross_entropy_with_logits(logits, self._truth)
        return loss

    def _edge(self, likely: Tensor) -> Tensor:
        return self._objective.boundary * functional.mse_loss(boundary(likely), self._edges)
