"""SAM's image encoder run for inference: segment_anything's weights and numbers, less memory traffic.

The original materialises each attention map several times and pushes padding through the projections of its windows.
Here the positional bias goes into fused attention, a strip of queries at a time where the map is large, and padding
takes part only where it is looked at.
"""

from typing import Any

import torch
from segment_anything.modeling.image_encoder import get_rel_pos
from torch import Tensor
from torch.nn import functional

from baselines.sam.windows import cut, join

_STRIP = 512
"""Queries of one head whose bias is in memory at a time: with 4096 keys, 8 MB. A GPU takes all of a head's."""
_ROWS = 1024
"""Positions that pass the MLP at a time: their hidden layer stays in cache."""


def encode(encoder: Any, pixels: Tensor) -> Tensor:
    """What ``encoder(pixels)`` gives, for an ``ImageEncoderViT``, with or without SAM-Med2D's adapters.

    ``pixels`` is (1, 3, side, side), normalised; the answer is (1, c, side / 16, side / 16).
    """
    values = encoder.patch_embed(pixels)
    if encoder.pos_embed is not None:
        values = values + encoder.pos_embed
    values = values[0]
    for block in encoder.blocks:
        values = values + _attend(block, block.norm1(values))
        # SAM-Med2D's; it looks at the whole map before the MLP changes it.
        adapted = block.Adapter(block.norm2(values)) if hasattr(block, "Adapter") else None
        _add_mlp(block, values)
        if adapted is not None:
            values += adapted
    encoded: Tensor = encoder.neck(values.permute(2, 0, 1)[None])
    return encoded


def _attend(block: Any, values: Tensor) -> Tensor:
    """(h, w, c) attended within the block's windows, or everywhere."""
    attention = block.attn
    height, width, _ = values.shape
    projected = attention.qkv(values)
    side = block.window_size
    if side == 0:
        joined = _global(attention, projected)
    else:
        # Padding is zero before the projection, so it is the bias after it.
        tall, wide = -height % side, -width % side
        padded = attention.qkv.bias.to(projected.dtype).expand(height + tall, width + wide, -1).clone()
        padded[:height, :width] = projected
        joined = join(_windowed(attention, cut(padded, side)), height, width)
    projected_back: Tensor = attention.proj(joined)
    return projected_back


def _windowed(attention: Any, projected: Tensor) -> Tensor:
    """(n, h, w, 3 c) to (n, h, w, c): attention inside each of n windows."""
    _, height, width, _ = projected.shape
    queries, keys, values = _by_head(attention, projected)
    tall, wide = _biases(attention, queries, (height, width))
    bias = (tall[..., :, None] + wide[..., None, :]).flatten(-2)
    found = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=bias)
    return found.transpose(1, 2).reshape(len(projected), height, width, -1)


def _global(attention: Any, projected: Tensor) -> Tensor:
    """(h, w, 3 c) to (h, w, c): attention of every position to every position."""
    height, width, _ = projected.shape
    queries, keys, values = _by_head(attention, projected[None])
    tall, wide = _biases(attention, queries, (height, width))
    found = torch.empty_like(queries, memory_format=torch.contiguous_format)
    count = height * width
    strip = count if queries.is_cuda else min(_STRIP, count)
    # One buffer for all strips: fresh memory costs more than what is computed in it.
    bias = queries.new_empty(1, 1, strip, height, width)
    for head in range(queries.shape[1]):
        for start in range(0, count, strip):
            part = (slice(None), slice(head, head + 1), slice(start, start + strip))
            mask = bias[:, :, : min(strip, count - start)]
            torch.add(tall[part][..., :, None], wide[part][..., None, :], out=mask)
            found[part] = functional.scaled_dot_product_attention(
                queries[part], keys[:, part[1]], values[:, part[1]], attn_mask=mask.flatten(-2)
            )
    return found[0].transpose(0, 1).reshape(height, width, -1)


def _by_head(attention: Any, projected: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(n, h, w, 3 c) to queries, keys and values of (n, heads, h w, d)."""
    parted = projected.reshape(
        len(projected), -1, 3, attention.num_heads, attention.qkv.in_features // attention.num_heads
    )
    queries, keys, values = parted.permute(2, 0, 3, 1, 4).unbind(0)
    return queries, keys, values


def _biases(attention: Any, queries: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """(n, heads, h w, h) and (n, heads, h w, w): the decomposed relative positions of each query."""
    placed = queries.reshape(*queries.shape[:2], *size, -1)
    tall = torch.einsum("nahwd,hkd->nahwk", placed, get_rel_pos(size[0], size[0], attention.rel_pos_h))
    wide = torch.einsum("nahwd,wkd->nahwk", placed, get_rel_pos(size[1], size[1], attention.rel_pos_w))
    return tall.flatten(2, 3), wide.flatten(2, 3)


def _add_mlp(block: Any, values: Tensor) -> None:
    """Adds the MLP's answer to (h, w, c), in place."""
    rows = values.view(-1, values.shape[-1])
    for part in torch.split(rows, len(rows) if rows.is_cuda else _ROWS):
        part += block.mlp(block.norm2(part))
