import pytest
import torch
from torch import nn
from torch.nn import functional

from baselines.imis_lite.encoder import Features
from baselines.imis_lite.image import Mixer, Neck, Residual
from baselines.imis_lite.network import ImisLite


def test_shapes(network: ImisLite, features: Features) -> None:
    with torch.inference_mode():
        pyramid = network.neck(features)
    assert [tuple(each.shape) for each in pyramid] == [
        (2, 256, 32, 32), (2, 64, 64, 64), (2, 32, 128, 128), (2, 16, 256, 256)
    ]  # fmt: skip


def test_at_first_tokens_are_the_encoders(fresh: ImisLite, features: Features) -> None:
    with torch.inference_mode():
        pyramid = fresh.neck(features)
    torch.testing.assert_close(pyramid.tokens, functional.avg_pool2d(features.deep, 2))
    assert 0 < float(pyramid.middle.std()) < 0.5
    assert 0 < float(pyramid.fine.std()) < 0.5
    assert 0 < float(pyramid.detail.std()) < 0.5


def test_images_do_not_mix(network: ImisLite, features: Features) -> None:
    with torch.inference_mode():
        together = network.neck(features)
        alone = network.neck(Features(*(each[1:] for each in features)))
    for both, one in zip(together, alone, strict=True):
        torch.testing.assert_close(both[1:], one, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("block", [Residual, Mixer])
def test_blocks_add_nothing_at_first_and_learn(block: type[nn.Module]) -> None:
    torch.manual_seed(0)
    made, values = block(32), torch.randn(2, 32, 9, 7)
    assert torch.equal(made(values), values)
    optimiser = torch.optim.SGD(made.parameters(), 0.1)
    for _ in range(2):
        optimiser.zero_grad()
        (made(values) - 1).square().mean().backward()
        optimiser.step()
    assert all(weight.grad is not None and weight.grad.any() for weight in made.parameters())
    assert not torch.equal(made(values), values)


@pytest.mark.parametrize("seen", ["deep", "early", "pixels"])
def test_every_feature_reaches_every_map(network: ImisLite, features: Features, seen: str) -> None:
    """But what is deep does not reach the finest two, which are made before it."""
    one = Features(*(each[:1] for each in features))
    changed = one._replace(**{seen: getattr(one, seen) + torch.randn_like(getattr(one, seen))})
    with torch.inference_mode():
        before, after = network.neck(one), network.neck(changed)
    moved = [not torch.allclose(*each, atol=1e-4) for each in zip(before, after, strict=True)]
    assert moved == [True, True, seen != "deep", seen != "deep"]


def test_a_neck_of_another_depth() -> None:
    assert len(Neck(1).mixers) == 1
