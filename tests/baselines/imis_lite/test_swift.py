import pytest
import torch
from torch import Tensor

from baselines.imis_lite.swift import transform
from baselines.imis_lite.transformer import Transformer


@pytest.fixture(scope="module")
def transformer() -> Transformer:
    torch.manual_seed(3)
    made = Transformer(256)
    with torch.no_grad():
        # As if trained: no bias is nothing, no norm is plain.
        for weight in made.parameters():
            if weight.dim() == 1:
                weight.add_(0.2 * torch.randn_like(weight))
    return made.requires_grad_(False)


def given(count: int, images: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    chance = torch.Generator().manual_seed(6)
    shapes = ((count, 8, 256), (images, 100, 256), (1, 100, 256))
    tokens, image, grid = (torch.randn(shape, generator=chance) for shape in shapes)
    penalty = torch.zeros(count, 1, 1, 8)
    for row in range(count):
        penalty[row, ..., 8 - row % 4 :] = -1e4
    return tokens, image, grid, penalty


@pytest.mark.parametrize(("count", "images"), [(1, 1), (5, 5), (5, 1)])
def test_equals_the_transformer(transformer: Transformer, count: int, images: int) -> None:
    """Also where all targets share one image, and where some tokens are padding."""
    tokens, image, grid, penalty = given(count, images)
    kept = [each.clone() for each in (tokens, image, grid, penalty)]
    with torch.inference_mode():
        found = transform(transformer, tokens, image, grid=grid, penalty=penalty)
        expected = transformer(tokens, image.expand(count, -1, -1), grid, penalty)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    for before, after in zip(kept, (tokens, image, grid, penalty), strict=True):
        assert torch.equal(before, after)


def test_penalties_count(transformer: Transformer) -> None:
    tokens, image, grid, penalty = given(2, 1)
    with torch.inference_mode():
        punished = transform(transformer, tokens, image, grid=grid, penalty=penalty)
        spared = transform(transformer, tokens, image, grid=grid, penalty=torch.zeros_like(penalty))
    assert torch.equal(punished[1][0], spared[1][0])
    assert not torch.allclose(punished[1][1], spared[1][1], atol=1e-2)


def test_close_in_half_precision(transformer: Transformer) -> None:
    tokens, image, grid, penalty = given(3, 1)
    with torch.inference_mode():
        exact = transform(transformer, tokens, image, grid=grid, penalty=penalty)
        with torch.autocast("cpu", torch.bfloat16):
            rough = transform(transformer, tokens, image.bfloat16(), grid=grid.bfloat16(), penalty=penalty)
    for one, other in zip(rough, exact, strict=True):
        assert float((one.float() - other).norm() / other.norm()) < 0.05
