import copy
from typing import Any

import pytest
import torch

from baselines.imis_net.decoder import Decoded
from baselines.imis_net.network import ImisNet

GENERATOR = torch.Generator().manual_seed(5)
IMAGE = torch.randn(1, 32, 8, 8, generator=GENERATOR)
SPARSE = torch.randn(3, 2, 32, generator=GENERATOR)
TEXT = torch.randn(3, 32, generator=GENERATOR)


def test_one_image_for_all_is_as_one_each(network: ImisNet) -> None:
    places = network.prompt_encoder.places()
    shared = network.mask_decoder(IMAGE, places, SPARSE, TEXT)
    each = network.mask_decoder(IMAGE.expand(3, -1, -1, -1), places, SPARSE, TEXT)
    assert shared.logits.shape == (3, 4, 32, 32)
    assert shared.scores.shape == (3, 4)
    assert shared.meanings.shape == (3, 4, 512)
    torch.testing.assert_close(shared.logits, each.logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(shared.scores, each.scores, atol=1e-4, rtol=1e-4)


def test_without_the_tokens_of_its_own_it_is_segment_anythings(network: ImisNet) -> None:
    # Its tokens for meanings go first among the prompts, where SAM's decoder takes any token.
    from segment_anything.modeling import MaskDecoder, TwoWayTransformer

    reference: Any = MaskDecoder(transformer_dim=32, transformer=TwoWayTransformer(2, 32, 8, 2048))
    state = network.mask_decoder.state_dict()
    reference.load_state_dict({key: state[key] for key in reference.state_dict()})
    own = network.mask_decoder.semantic_tokens.weight.expand(3, -1, -1)
    places = network.prompt_encoder.places()
    with torch.inference_mode():
        masks, scores = reference.predict_masks(IMAGE, places, torch.cat([own, SPARSE], 1), torch.zeros(1, 32, 8, 8))
        found = network.mask_decoder(IMAGE, places, SPARSE, None)
    torch.testing.assert_close(found.logits, masks, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.scores, scores, atol=1e-4, rtol=1e-4)


def test_a_text_adds_one_map_to_each_mask(network: ImisNet) -> None:
    places = network.prompt_encoder.places()
    decoder = copy.deepcopy(network.mask_decoder)
    decoder.text_kernel = False
    added = network.mask_decoder(IMAGE, places, SPARSE, TEXT).logits - decoder(IMAGE, places, SPARSE, TEXT).logits
    assert float(added.abs().max()) > 0.1
    torch.testing.assert_close(added, added[:, :1].expand_as(added), atol=1e-5, rtol=1e-4)
    without = decoder(IMAGE, places, SPARSE, None)
    torch.testing.assert_close(without.logits, decoder(IMAGE, places, SPARSE, TEXT).logits)


def test_no_token_at_all(network: ImisNet) -> None:
    found = network.mask_decoder(IMAGE, network.prompt_encoder.places(), SPARSE[:, :0], None)
    assert found.logits.shape == (3, 4, 32, 32)


@pytest.mark.parametrize(
    ("scores", "chosen"),
    [([9.0, 1.0, 2.0, 0.0], 2), ([0.0, 3.0, 3.0, 1.0], 1), ([0.0, -3.0, -2.0, -1.0], 3)],
)
def test_the_best_of_the_last_three(scores: list[float], chosen: int) -> None:
    masks = torch.arange(4.0).reshape(1, 4, 1, 1)
    best = Decoded(masks, torch.tensor([scores]), torch.arange(4.0).reshape(1, 4, 1)).best()
    assert best.logits.tolist() == [[[chosen]]]
    assert best.scores.tolist() == [scores[chosen]]
    assert best.meanings.tolist() == [[chosen]]
