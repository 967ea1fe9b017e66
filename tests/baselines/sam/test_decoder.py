"""The fast decoder gives the original decoder's masks and scores."""

from typing import Any

import pytest
import torch

from baselines.sam.decoder import ImageDecoder


def original(network: Any, embedding: torch.Tensor, sparse: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """All four masks and scores of each prompt."""
    encoder = network.prompt_encoder
    with torch.inference_mode():
        dense = encoder.no_mask_embed.weight.reshape(1, -1, 1, 1).expand(len(sparse), -1, *embedding.shape[2:])
        masks, scores = network.mask_decoder.predict_masks(embedding, encoder.get_dense_pe(), sparse, dense)
    return masks, scores


@pytest.fixture(params=["random", "lite"])
def network(request: pytest.FixtureRequest, lite_network: Any, random_network: Any) -> Any:
    return lite_network if request.param == "lite" else random_network


@pytest.fixture
def embedding(network: Any) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(1, 256, *network.prompt_encoder.image_embedding_size)


@pytest.mark.parametrize("points", [1, 2, 4])
@pytest.mark.parametrize("which", [(0,), (1, 2, 3)])
def test_equals_the_original(network: Any, embedding: torch.Tensor, points: int, which: tuple[int, ...]) -> None:
    sparse = torch.randn(3, points, 256)
    masks, scores = original(network, embedding, sparse)
    with torch.inference_mode():
        decoded = _decoder(network, embedding).decode(sparse, which, -torch.inf)
    expected = masks[:, list(which)].flatten(0, 1)
    tolerance = 1e-4 * max(1.0, float(expected.abs().max()))
    assert torch.allclose(decoded.logits, expected, atol=tolerance, rtol=1e-4)
    assert torch.allclose(decoded.scores, scores[:, list(which)].flatten(), atol=1e-4, rtol=1e-4)
    assert decoded.prompt.tolist() == [index for index in range(3) for _ in which]


def test_only_masks_above_the_score_are_drawn(network: Any, embedding: torch.Tensor) -> None:
    sparse = torch.randn(6, 2, 256)
    masks, scores = original(network, embedding, sparse)
    ranked = scores[:, 1:].flatten().sort().values
    limit = float(ranked[8:10].mean())
    with torch.inference_mode():
        decoded = _decoder(network, embedding).decode(sparse, (1, 2, 3), limit)
    passed = scores[:, 1:] > limit
    assert 0 < len(decoded.scores) < passed.numel()
    assert torch.allclose(decoded.scores, scores[:, 1:][passed], atol=1e-4, rtol=1e-4)
    expected = masks[:, 1:][passed]
    assert torch.allclose(decoded.logits, expected, atol=1e-4 * max(1.0, float(expected.abs().max())), rtol=1e-4)
    assert decoded.prompt.tolist() == torch.nonzero(passed)[:, 0].tolist()


def test_nothing_passes_an_impossible_score(network: Any, embedding: torch.Tensor) -> None:
    with torch.inference_mode():
        decoded = _decoder(network, embedding).decode(torch.randn(2, 2, 256), (0,), torch.inf)
    assert len(decoded.scores) == len(decoded.prompt) == 0
    assert decoded.logits.shape == (0, *network.prompt_encoder.mask_input_size)


def test_weights_are_read_and_not_changed(network: Any, embedding: torch.Tensor) -> None:
    before = {name: value.clone() for name, value in network.mask_decoder.state_dict().items()}
    with torch.inference_mode():
        _decoder(network, embedding).decode(torch.randn(2, 2, 256), (0,), -torch.inf)
    assert all(torch.equal(value, before[name]) for name, value in network.mask_decoder.state_dict().items())


def _decoder(network: Any, embedding: torch.Tensor) -> ImageDecoder:
    encoder = network.prompt_encoder
    return ImageDecoder(network.mask_decoder, embedding, encoder.get_dense_pe(), encoder.no_mask_embed.weight)
