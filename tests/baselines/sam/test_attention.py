import copy

import pytest
import torch
from segment_anything.modeling.transformer import Attention as Plain
from segment_anything.modeling.transformer import TwoWayTransformer

from baselines.sam.attention import Attention, fuse

GENERATOR = torch.Generator().manual_seed(3)
TOKENS = torch.randn(3, 7, 32, generator=GENERATOR)
IMAGE = torch.randn(3, 64, 32, generator=GENERATOR)


@pytest.mark.parametrize("tokens_ask", [True, False])
def test_it_is_segment_anythings_with_its_gradients(tokens_ask: bool) -> None:
    torch.manual_seed(1)
    plain = Plain(32, 8, downsample_rate=2)
    fused = Attention(copy.deepcopy(plain))
    asked, offered = (TOKENS, IMAGE) if tokens_ask else (IMAGE, TOKENS)
    found = []
    for attention in (plain, fused):
        inputs = [each.clone().requires_grad_() for each in (asked, offered, offered.flip(1))]
        answer = attention(*inputs)
        (answer**2).sum().backward()
        weights = [weight.grad for weight in attention.parameters()]
        found.append([answer, *(each.grad for each in inputs), *weights])
    torch.testing.assert_close(found[0], found[1], atol=1e-4, rtol=1e-4)


def test_a_transformer_keeps_the_names_of_its_weights() -> None:
    plain = TwoWayTransformer(2, 32, 8, 64)
    fused = fuse(copy.deepcopy(plain))
    assert fused.state_dict().keys() == plain.state_dict().keys()
    assert not any(isinstance(part, Plain) for part in fused.modules())
    assert sum(isinstance(part, Attention) for part in fused.modules()) == 7
    places = torch.randn(1, 32, 8, 8, generator=GENERATOR)
    inputs = (IMAGE.mT.unflatten(2, (8, 8)), places, TOKENS)
    torch.testing.assert_close(fused(*inputs), plain(*inputs), atol=1e-4, rtol=1e-4)
