"""The loss of masks at full size, from the quarter of it that the decoder draws.

`baselines.training.objectives.MaskLoss` on enlarged masks gives the same numbers, and keeps a dozen tensors of full
size for the gradient. Here a mask is enlarged, summed over and forgotten, with its gradient made on the way; on a CPU
few at a time, so that they stay in its cache.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from baselines.training.objectives import FOREGROUND, MaskLoss

_TOGETHER = 2**20
"""Pixels at a time on a CPU: 4 MB each for half a dozen tensors."""
_TIMES = 4
"""By how much a mask is enlarged."""
_TINY = 1e-37
_DICE_SMOOTH, _IOU_SMOOTH = 1.0, 1e-7


class Judged(NamedTuple):
    """What a round's masks are worth."""

    terms: dict[str, Tensor]
    """As `MaskLoss` gives them."""
    guess: Tensor
    """(b, s, s) bool: the masks at full size."""


def judge(loss: MaskLoss, logits: Tensor, truth: Tensor, scores: Tensor) -> Judged:
    """The loss of masks that are enlarged to four times their size.

    Args:
        loss: its terms, with the focal loss at its usual exponent of 2.
        logits: (b, h, w).
        truth: (b, 4 h, 4 w) bool.
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
    truth, above 0, and both. (b, s, s) bool: which are above 0. Of the first three the gradients are made at once.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, truth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        guess = torch.empty_like(truth)
        found = [_look(logits[part], truth[part], guess[part]) for part in _parts(truth)]
        sums, counts, slopes = (torch.cat(each, 1) for each in zip(*found, strict=True))
        ctx.save_for_backward(slopes)
        ctx.mark_non_differentiable(counts, guess)
        return sums, counts, guess

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (slopes,) = ctx.saved_tensors
        return (gradients[0][..., None, None] * slopes).sum(0), None


def _look(logits: Tensor, truth: Tensor, guess: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sums and counts of b masks as `_Sums` gives them, and (3, b, h, w), the sums' derivatives; writes the guess.

    With z the logit, its sign turned where the truth is, q = sigmoid(z) is how much a pixel is missed by, softplus(z)
    its cross entropy, and the derivative of q^2 softplus(z) is q (2 q (1 - q) softplus(z) + q^2).
    """
    turned = functional.interpolate(logits[:, None], scale_factor=_TIMES, mode="bilinear")[:, 0]
    torch.gt(turned, 0, out=guess)
    # Sums of numbers are fast, those of bools are not; so many ones are still counted exactly.
    there, inside = truth.float(), guess.float()
    sign = there.mul(-2).add_(1)
    weight = there.mul(2 * FOREGROUND - 1).add_(1 - FOREGROUND)
    counts = torch.stack([_sum(there), _sum(inside), _sum(inside.mul_(there))])
    turned.mul_(sign)
    missed, kept = torch.sigmoid(turned), torch.sigmoid(-turned)
    # Of what is missed by far the logarithm is no number; torch's softplus is six times as slow.
    entropy = torch.maximum(kept.clamp(min=_TINY).log_().neg_(), turned)
    square = missed * missed
    slopes = torch.empty(3, *turned.shape, device=turned.device)
    slope = torch.mul(missed, kept, out=slopes[2])
    torch.mul(slope, there, out=slopes[1])
    torch.mul(entropy, slope, out=slopes[0]).mul_(2).add_(square).mul_(missed).mul_(sign).mul_(weight)
    far = _sum(there.mul_(missed))
    focal = _sum(square.mul_(entropy).mul_(weight)) / truth[0].numel()
    sums = torch.stack([focal, counts[0] - far, counts[0] - 2 * far + _sum(missed)])
    slopes[0] /= truth[0].numel()
    return sums, counts, _shrink(_shrink(slopes, 2), 3)


def _sum(values: Tensor) -> Tensor:
    return values.sum((1, 2))


def _shrink(slopes: Tensor, axis: int) -> Tensor:
    """The reverse of enlarging along an axis: what each of four pixels owes its own position and its neighbours.

    Torch's own is slow on CPUs and on GPUs adds up in any order.
    """
    pixels = slopes.reshape(*slopes.shape[:axis], -1, _TIMES, *slopes.shape[axis + 1 :]).unbind(axis + 1)
    found = (pixels[0] + pixels[3]).mul_(0.625).add_(pixels[1] + pixels[2], alpha=0.875)
    back = torch.add(0.375 * pixels[0], pixels[1], alpha=0.125)
    ahead = torch.add(0.375 * pixels[3], pixels[2], alpha=0.125)
    count = found.shape[axis]
    found.narrow(axis, 0, count - 1).add_(back.narrow(axis, 1, count - 1))
    found.narrow(axis, 1, count - 1).add_(ahead.narrow(axis, 0, count - 1))
    # Beyond the edge there is the edge.
    found.narrow(axis, 0, 1).add_(back.narrow(axis, 0, 1))
    found.narrow(axis, count - 1, 1).add_(ahead.narrow(axis, count - 1, 1))
    return found


def _parts(truth: Tensor) -> list[slice]:
    """Which masks are looked at together."""
    count = len(truth) if truth.is_cuda else max(1, _TOGETHER // truth[0].numel())
    return [slice(start, start + count) for start in range(0, len(truth), count)]
