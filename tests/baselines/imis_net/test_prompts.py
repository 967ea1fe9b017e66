"""The codes are SAM's own; what each combination of prompts is made into."""

from typing import Any

import pytest
import torch

from baselines.imis_net.network import ImisNet
from baselines.imis_net.prompts import Given

POINTS = torch.tensor([[[10.0, 20.0], [100.0, 5.0]], [[3.0, 4.0], [0.0, 127.0]]])
LABELS = torch.tensor([[1, 0], [0, -1]])
BOXES = torch.tensor([[10.0, 20.0, 90.0, 110.0], [0.0, 0.0, 127.0, 127.0]])


@pytest.fixture(scope="module")
def reference(network: ImisNet) -> Any:
    """segment_anything's prompt encoder with the same weights."""
    from segment_anything.modeling import PromptEncoder

    encoder = PromptEncoder(32, (8, 8), (128, 128), 16)
    encoder.load_state_dict(network.prompt_encoder.state_dict())
    return encoder.requires_grad_(False)


# The reference takes one target for granted where none of these is given.
@pytest.mark.parametrize("kinds", ["p", "b", "m", "pb", "pm", "bm", "pbm"])
def test_as_segment_anything(network: ImisNet, reference: Any, kinds: str) -> None:
    boxed, pointed, masked = (letter in kinds for letter in "bpm")
    boxes = BOXES if boxed else None
    masks = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(1)) if masked else None
    points, labels = (POINTS, LABELS) if pointed else (None, None)
    expected = reference((POINTS, LABELS) if pointed else None, boxes, masks)
    sparse, dense = network.prompt_encoder(Given(2, points, labels, boxes, None, masks))
    torch.testing.assert_close(sparse, expected[0])
    torch.testing.assert_close(dense.expand(2, -1, -1, -1), expected[1])


def test_places(network: ImisNet, reference: Any) -> None:
    torch.testing.assert_close(network.prompt_encoder.places(), reference.get_dense_pe())


def test_a_text_is_the_last_token(network: ImisNet) -> None:
    text = torch.randn(2, 32, generator=torch.Generator().manual_seed(1))
    sparse, dense = network.prompt_encoder(Given(2, POINTS, LABELS, BOXES, text))
    assert sparse.shape == (2, 5, 32)
    assert torch.equal(sparse[:, -1], text)
    assert dense.shape == (1, 32, 8, 8)
    alone, _ = network.prompt_encoder(Given(2, text=text))
    assert torch.equal(alone, text[:, None])


def test_points_that_are_none_have_no_place(network: ImisNet) -> None:
    sparse, _ = network.prompt_encoder(Given(2, POINTS, LABELS))
    none = network.prompt_encoder.not_a_point_embed.weight[0]
    assert torch.equal(sparse[1, 1], none)
    assert torch.equal(sparse[0, 2], none)
    assert not torch.equal(sparse[0, 1], none)


def test_every_kind_of_point_learns(network: ImisNet) -> None:
    import copy

    encoder = copy.deepcopy(network.prompt_encoder).requires_grad_(True)
    sparse, dense = encoder(Given(2, POINTS, LABELS, BOXES))
    (sparse.square().sum() + dense.square().sum()).backward()
    tables = [encoder.no_mask_embed, encoder.not_a_point_embed, *encoder.point_embeddings]
    assert all(table.weight.grad is not None and bool(table.weight.grad.any()) for table in tables)


def test_codes_stay_exact_in_half_precision(network: ImisNet) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        sparse, _ = network.prompt_encoder(Given(2, POINTS, LABELS))
        places = network.prompt_encoder.places()
    assert torch.equal(sparse, network.prompt_encoder(Given(2, POINTS, LABELS))[0])
    assert torch.equal(places, network.prompt_encoder.places())
