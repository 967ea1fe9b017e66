"""Terms of a loss on masks, as logits; each says whose it is and over what it sums.

Shapes: logits and truth are (b, ...) of any further axes, truth 0 or 1; scores are (b,).
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Sums = Literal["pooled", "mask"]
"""``pooled`` sums over all masks of a batch at once, so large ones decide; ``mask`` gives each its own value."""
FOREGROUND = 0.25
"""Weight of foreground in the focal loss, that of background being 1 less this (IMIS-Net's released code)."""


def focal(logits: Tensor, truth: Tensor, foreground: float = FOREGROUND, gamma: float = 2.0) -> Tensor:
    """(b,): focal loss, mean over the pixels of each mask (Lin et al. 2017, equation 5; arXiv 2411.12814, section 4).

    The mean over equally large masks is also what pooling gives.
    """
    truth = truth.to(logits.dtype)
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    likely = torch.sigmoid(logits)
    missed = truth * (1 - likely) + (1 - truth) * likely
    weight = truth * foreground + (1 - truth) * (1 - foreground)
    return (weight * missed**gamma * entropy).flatten(1).mean(1)


def dice_loss(logits: Tensor, truth: Tensor, sums: Sums, smooth: float = 1.0) -> Tensor:
    """(b,), or (1,) where pooled: 1 - (2 sum p y + smooth) / (sum p + sum y + smooth)."""
    shared, likely, there = _sums(logits, truth, sums)
    return 1 - (2 * shared + smooth) / (likely + there + smooth)


def soft_iou(logits: Tensor, truth: Tensor, sums: Sums, smooth: float = 1e-7) -> Tensor:
    """(b,), or (1,) where pooled: overlap of probabilities with the truth."""
    shared, likely, there = _sums(logits, truth, sums)
    return (shared + smooth) / (likely + there - shared + smooth)


def hard_iou(logits: Tensor, truth: Tensor) -> Tensor:
    """(b,): overlap of the mask above 0 with the truth, 1 where both are empty; no gradient."""
    guess, there = (logits > 0).flatten(1), (truth > 0).flatten(1)
    shared = (guess & there).sum(1)
    union = (guess | there).sum(1)
    return torch.where(union > 0, shared / union.clamp(min=1), torch.ones_like(shared, dtype=torch.float32))


@dataclass(frozen=True, slots=True)
class MaskLoss:
    """Weights of the terms; those of IMIS-Net unless said otherwise (arXiv 2411.12814, section 4; released code)."""

    sums: Sums = "mask"
    focal: float = 20.0
    dice: float = 1.0
    score: float = 1.0
    """Of the squared difference between predicted and true IoU."""
    hard: bool = True
    """Whether the true IoU is that of the mask above 0, without gradient; else that of probabilities, with."""

    def __call__(self, logits: Tensor, truth: Tensor, scores: Tensor) -> dict[str, Tensor]:
        """The mean over masks of each term by name, and their weighted sum as ``loss``."""
        logits = logits.float()
        terms = {
            "focal": focal(logits, truth).mean(),
            "dice": dice_loss(logits, truth, self.sums).mean(),
        }
        overlap = hard_iou(logits, truth) if self.hard else soft_iou(logits, truth, self.sums)
        terms["score"] = ((overlap - scores.float()) ** 2).mean()
        loss = self.focal * terms["focal"] + self.dice * terms["dice"] + self.score * terms["score"]
        return {"loss": loss, **terms}


def _sums(logits: Tensor, truth: Tensor, sums: Sums) -> tuple[Tensor, Tensor, Tensor]:
    """Sums of p y, p and y, over each mask or over all."""
    likely = torch.sigmoid(logits.float())
    there = truth.to(likely.dtype)
    first = 0 if sums == "pooled" else 1
    return tuple(each.flatten(first).sum(-1).reshape(-1) for each in (likely * there, likely, there))  # type: ignore[return-value]
