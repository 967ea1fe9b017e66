"""The transformer run for inference: the same weights and numbers, half the arithmetic.

There are few tokens and many positions in the image, so what `Transformer` projects at every position is folded into
the tokens: with keys X and one head, a token q finds softmax((q W_k) X') X W_v', and the image finds
softmax(X (k W_q)') (v W_o').
"""

import torch
from torch import Tensor

from baselines.imis_lite.transformer import HEADS, Attention, Layer, Transformer


def transform(
    transformer: Transformer, tokens: Tensor, image: Tensor, *, grid: Tensor, penalty: Tensor
) -> tuple[Tensor, Tensor]:
    """What ``transformer(tokens, image, grid, penalty)`` gives; all tokens may share one ``image`` (1 or b, n, c)."""
    found = tokens
    for layer in transformer.layers:
        assert isinstance(layer, Layer)
        placed = image + grid
        if layer.first:
            found = layer.norm1(layer.self_attn(tokens, tokens, tokens, penalty))
        else:
            own = found + tokens
            found = layer.norm1(found + layer.self_attn(own, own, found, penalty))
        found = layer.norm2(found + _find(layer.cross_attn_token_to_image, found + tokens, placed, image))
        found = layer.norm3(found + layer.mlp(found))
        told = _tell(layer.cross_attn_image_to_token, placed, (found + tokens, found), penalty)
        image = layer.norm4(told.add_(image))
    last = _find(transformer.final_attn_token_to_image, found + tokens, image + grid, image)
    normed: Tensor = transformer.norm_final_attn(found + last)
    return normed, image


def _find(attention: Attention, queries: Tensor, placed: Tensor, image: Tensor) -> Tensor:
    """(b, t, c): what tokens find in the image. The bias of keys moves all matches of a query alike: no matter."""
    asked = _by_head(attention.q_proj(queries))
    asked = asked * asked.shape[-1] ** -0.5
    folded = (asked @ _rows(attention.k_proj)).flatten(1, 2)
    weights = torch.softmax(_product(folded, placed.mT), -1).to(folded.dtype)
    found = _product(weights, image).view(len(folded), HEADS, -1, image.shape[-1])
    values = (found @ _rows(attention.v_proj).mT).transpose(1, 2).flatten(2) + attention.v_proj.bias
    projected: Tensor = attention.out_proj(values)
    return projected


def _tell(attention: Attention, placed: Tensor, told: tuple[Tensor, Tensor], penalty: Tensor) -> Tensor:
    """(b, n, c): what the image finds in tokens, given as keys and values."""
    keys = _by_head(attention.k_proj(told[0]))
    keys = keys * keys.shape[-1] ** -0.5
    match = _product((keys @ _rows(attention.q_proj)).flatten(1, 2), placed.mT)
    match = match.view(*keys.shape[:3], -1)
    match = match + (keys @ _split(attention.q_proj.bias)[..., None] + penalty.mT).to(match.dtype)
    weights = torch.softmax(match, 2).to(match.dtype).flatten(1, 2)
    outward = attention.out_proj.weight.T.reshape(HEADS, -1, attention.out_proj.out_features)
    values = (_by_head(attention.v_proj(told[1])) @ outward).flatten(1, 2)
    # The weights of a head sum to 1, so each head can carry its share of the bias.
    values = values + (attention.out_proj.bias / HEADS).to(values.dtype)
    return torch.bmm(weights.mT, values)


def _product(tokens: Tensor, image: Tensor) -> Tensor:
    """(b, t, c) times (1 or b, c, n); one plain product where the image is shared."""
    return tokens @ (image[0] if len(image) == 1 else image)


def _by_head(values: Tensor) -> Tensor:
    """(b, t, c) to (b, heads, t, c / heads)."""
    return values.view(*values.shape[:2], HEADS, -1).transpose(1, 2)


def _rows(projection: torch.nn.Linear) -> Tensor:
    """(heads, d, c): the part of a projection that makes each head."""
    return projection.weight.view(HEADS, -1, projection.in_features)


def _split(bias: Tensor) -> Tensor:
    """A bias to (heads, d)."""
    return bias.view(HEADS, -1)
