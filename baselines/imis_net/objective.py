"""The loss of masks at full size, from the quarter of it that the decoder draws.

`baselines.training.objectives.MaskLoss` on enlarged masks gives the same numbers, and keeps a dozen tensors of full
size for the gradient. Here a mask is enlarged, summed over and forgotten, and once more for its gradient; on a CPU few
at a time, so that they stay in its cache.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from baselines.training.objectives import FOREGROUND, MaskLoss

_TOGETHER = 2**20
"""Pixels at a time on a CPU: 4 MB each for half a dozen tensors."""
_DICE_SMOOTH, _IOU_SMOOTH = 1.0, 1e-7


class Judged(NamedTuple):
    """What a round's masks are worth."""

    terms: dict[str, Tensor]
    """As `MaskLoss` gives them."""
    guess: Tensor
    """(b, s, s) bool: the masks at full size."""


def judge(loss: MaskLoss, logits: Tensor, truth: Tensor, scores: Tensor) -> Judged:
    """The loss of masks that are enlarged to the size of the truth.

    Args:
        loss: its terms, with the focal loss at its usual exponent of 2.
        logits: (b, h, w).
        truth: (b, s, s) bool.
        scores: (b,) predicted IoU.
    """
    with torch.autocast(logits.device.type, enabled=False):
        sums, counts, guess = _Sums.apply(logits.float(), truth)
        focal, shared, likely = sums
        size = counts[0]
        overlap = _hard_iou(*counts) if loss.hard else None
        if loss.sums == "pooled":
            shared, likely, size = (each.sum(0, keepdim=True) for each in (shared, likely, size))
        if overlap is None:
            overlap = (shared + _IOU_SMOOTH) / (likely + size - shared + _IOU_SMOOTH)
        terms = {
            "focal": focal.mean(),
            "dice": (1 - (2 * shared + _DICE_SMOOTH) / (likely + size + _DICE_SMOOTH)).mean(),
            "score": ((overlap - scores.float()) ** 2).mean(),
        }
        total = loss.focal * terms["focal"] + loss.dice * terms["dice"] + loss.score * terms["score"]
    return Judged({"loss": total, **terms}, guess)


def _hard_iou(size: Tensor, guessed: Tensor, right: Tensor) -> Tensor:
    """(b,): overlap, 1 where both are empty, of the pixels in the truth, in the guess and in both."""
    union = size + guessed - right
    return torch.where(union > 0, right / union.clamp(min=1), 1.0)


class _Sums(torch.autograd.Function):
    """What the loss is made of, for b masks.

    (3, b): the mean focal loss, and the sums of p y and of p over a mask's pixels. (3, b): how many pixels are in the
    truth, above 0, and both. (b, s, s) bool: which are above 0. With z the logit, its sign turned where the truth is,
    q = sigmoid(z) is how much a pixel is missed by and softplus(z) its cross entropy.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, truth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        ctx.save_for_backward(logits, truth)
        sums, counts = [], []
        guess = torch.empty_like(truth)
        for part in _parts(truth):
            enlarged = _enlarge(logits[part], truth)
            torch.gt(enlarged, 0, out=guess[part])
            there, sign = _signs(truth[part])
            # Sums of numbers are fast, those of bools are not; so many ones are still counted exactly.
            inside = guess[part].float()
            count = [there.sum((1, 2)), inside.sum((1, 2)), inside.mul_(there).sum((1, 2))]
            missed, entropy = _missed(enlarged.mul_(sign))
            focal = entropy.mul_(missed).mul_(missed)
            everywhere, far = focal.mean((1, 2)), (missed * there).sum((1, 2))
            weighted = (1 - FOREGROUND) * everywhere + (2 * FOREGROUND - 1) * focal.mul_(there).mean((1, 2))
            sums.append(torch.stack([weighted, count[0] - far, missed.sum((1, 2)) - 2 * far + count[0]]))
            counts.append(torch.stack(count))
        together = torch.cat(counts, 1)
        ctx.mark_non_differentiable(together, guess)
        return torch.cat(sums, 1), together, guess

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        logits, truth = ctx.saved_tensors
        focal, shared, likely = gradients[0][..., None, None]
        focal = focal / truth[0].numel()
        found = torch.empty_like(logits)
        for part in _parts(truth):
            with torch.enable_grad():
                small = logits[part].detach().requires_grad_()
                enlarged = _enlarge(small, truth)
            there, sign = _signs(truth[part])
            missed, entropy = _missed(enlarged.detach() * sign)
            # The derivative of q^2 softplus(z) is q (2 q (1 - q) softplus(z) + q^2).
            slope = missed * (1 - missed)
            bent = entropy.mul_(2).mul_(slope).addcmul_(missed, missed).mul_(missed).mul_(sign)
            bent.mul_((2 * FOREGROUND - 1) * focal[part] * there + (1 - FOREGROUND) * focal[part])
            bent.addcmul_(slope, there.mul_(shared[part]).add_(likely[part]))
            (found[part],) = torch.autograd.grad(enlarged, small, bent)
        return found, None


def _parts(truth: Tensor) -> list[slice]:
    """Which masks are looked at together."""
    count = len(truth) if truth.is_cuda else max(1, _TOGETHER // truth[0].numel())
    return [slice(start, start + count) for start in range(0, len(truth), count)]


def _enlarge(logits: Tensor, truth: Tensor) -> Tensor:
    return functional.interpolate(logits[:, None], truth.shape[1:], mode="bilinear")[:, 0]


def _signs(truth: Tensor) -> tuple[Tensor, Tensor]:
    """1 and -1 where the truth is, 0 and 1 elsewhere."""
    there = truth.float()
    return there, there.mul(-2).add_(1)


def _missed(turned: Tensor) -> tuple[Tensor, Tensor]:
    """By how much pixels are missed, and their cross entropy, of turned logits."""
    return torch.sigmoid(turned), functional.softplus(turned)
