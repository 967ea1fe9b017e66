"""Attention between a handful of tokens and an image's map, as segment_anything's, with fewer passes over memory."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Attention(nn.Module):
    """`segment_anything.modeling.transformer.Attention` with the same weights under the same names."""

    def __init__(self, plain: Any) -> None:
        """Takes over the projections of segment_anything's."""
        super().__init__()
        self.heads: int = plain.num_heads
        self.q_proj, self.k_proj, self.v_proj = plain.q_proj, plain.k_proj, plain.v_proj
        self.out_proj = plain.out_proj

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """(b, n, c) queries that attend to (b, m, c) keys and their values: (b, n, c)."""
        asked, offered, told = (
            project(values).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for project, values in ((self.q_proj, q), (self.k_proj, k), (self.v_proj, v))
        )
        found: Tensor = self.out_proj(_attend(asked, offered, told).transpose(1, 2).flatten(2))
        return found


def fuse(transformer: nn.Module) -> nn.Module:
    """Replaces the attention of a ``TwoWayTransformer``, in place."""
    plain = [name for name, part in transformer.named_modules() if hasattr(part, "q_proj")]
    for name in plain:
        transformer.set_submodule(name, Attention(transformer.get_submodule(name)))
    return transformer


def _attend(asked: Tensor, offered: Tensor, told: Tensor) -> Tensor:
    """(b, heads, n, d) queries, (b, heads, m, d) keys and values."""
    if asked.is_cuda or asked.shape[2] <= offered.shape[2]:
        return functional.scaled_dot_product_attention(asked, offered, told)
    # A CPU takes rows of a handful of numbers one by one, and columns of them several at a time.
    match = offered @ (asked * asked.shape[-1] ** -0.5).mT
    return torch.softmax(match, 2).mT @ told
