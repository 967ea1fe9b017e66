from typing import Any

import pytest
import torch
from torch import Tensor, nn

from baselines.imis_lite.transformer import Attention, Norm, Transformer


def sequences(count: int, tokens: int, places: int) -> tuple[Tensor, Tensor, Tensor]:
    chance = torch.Generator().manual_seed(4)
    shapes = ((count, tokens, 256), (count, places, 256), (1, places, 256))
    return tuple(torch.randn(shape, generator=chance) for shape in shapes)


def test_equals_lite_medsams(lite: Any) -> None:
    """The same weights under the same names give the same numbers."""
    ours, theirs = Transformer(256), lite.mask_decoder.transformer
    ours.load_state_dict(theirs.state_dict())
    tokens, image, grid = sequences(2, 7, 64)
    with torch.inference_mode():
        found = ours(tokens, image, grid, torch.zeros(2, 1, 1, 7))
        square = [each.mT.unflatten(2, (8, 8)) for each in (image, grid.expand_as(image))]
        expected = theirs(*square, tokens)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_padding_changes_nothing() -> None:
    torch.manual_seed(1)
    transformer = Transformer(256)
    tokens, image, grid = sequences(2, 9, 30)
    penalty = torch.zeros(2, 1, 1, 9)
    penalty[..., 6:] = -1e4
    with torch.inference_mode():
        padded = transformer(tokens, image, grid, penalty)
        without = transformer(tokens[:, :6], image, grid, penalty[..., :6])
        unpunished = transformer(tokens, image, grid, torch.zeros_like(penalty))
    torch.testing.assert_close(padded[0][:, :6], without[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(padded[1], without[1], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(unpunished[1], without[1], atol=1e-2)


@pytest.mark.parametrize("inner", [256, 128])
def test_attention_is_torchs(inner: int) -> None:
    torch.manual_seed(2)
    attention = Attention(256, inner)
    queries, keys, values = (torch.randn(2, length, 256) for length in (5, 11, 11))
    penalty = torch.zeros(2, 1, 1, 11)
    penalty[1, ..., 8:] = -float("inf")
    heads = (
        layer(each).unflatten(2, (8, -1)).transpose(1, 2)
        for layer, each in ((attention.q_proj, queries), (attention.k_proj, keys), (attention.v_proj, values))
    )
    found = nn.functional.scaled_dot_product_attention(*heads, attn_mask=penalty)
    expected = attention.out_proj(found.transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(queries, keys, values, penalty), expected, atol=1e-5, rtol=1e-5)


def test_a_norm_keeps_the_precision() -> None:
    norm = Norm(16)
    values = torch.randn(3, 16)
    with torch.autocast("cpu", torch.bfloat16):
        assert norm(values.bfloat16()).dtype == torch.bfloat16
    torch.testing.assert_close(norm(values), nn.functional.layer_norm(values, (16,)))
