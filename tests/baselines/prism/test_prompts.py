import math
from typing import Any

import pytest
import torch

from baselines.prism.prompts import Places, PromptEncoder, Prompts

POINTS = torch.tensor([[[3, 8, 30], [0, 0, 31]]])
LABELS = torch.tensor([[1, 0]])
BOX = torch.tensor([[2, 4, 6, 12, 14, 32]])
NOTHING = torch.zeros(1, 1, 32, 32, 32)


@pytest.fixture
def encoder(fake: dict[str, Any]) -> PromptEncoder:
    made: PromptEncoder = fake["fill"](PromptEncoder(fake["small"]()))
    return made


def test_places_are_sine_cosine_sine() -> None:
    places = Places(6)
    matrix = places.positional_encoding_gaussian_matrix
    code = places(torch.tensor([0.1, 0.5, 0.9]))
    angles = 2 * math.pi * torch.tensor([-0.8, 0.0, 0.8]) @ matrix
    torch.testing.assert_close(code, torch.cat([angles.sin(), angles.cos(), angles.sin()]))


def test_points_and_boxes(encoder: PromptEncoder) -> None:
    """A point is its place and its kind; without a box a token says so; a box is two corners, half a voxel further."""
    places = encoder.pe_layer
    kinds = [each.weight[0] for each in encoder.point_embeddings]
    without = encoder.sparse(Prompts(POINTS, LABELS, None, NOTHING))[0]
    torch.testing.assert_close(without[0], places((POINTS[0, 0] + 0.5) / 32) + kinds[1])
    torch.testing.assert_close(without[1], places((POINTS[0, 1] + 0.5) / 32) + kinds[0])
    torch.testing.assert_close(without[2], encoder.not_a_point_embed.weight[0])
    boxed = encoder.sparse(Prompts(POINTS, LABELS, BOX, NOTHING))[0]
    torch.testing.assert_close(boxed[:2], without[:2])
    torch.testing.assert_close(boxed[2], places((BOX[0, :3] + 0.5) / 32) + kinds[2])
    torch.testing.assert_close(boxed[3], places((BOX[0, 3:] + 0.5) / 32) + kinds[3])


def test_points_without_a_place(encoder: PromptEncoder) -> None:
    none = encoder.sparse(Prompts(POINTS, torch.tensor([[1, -1]]), BOX, NOTHING))[0]
    torch.testing.assert_close(none[1], encoder.not_a_point_embed.weight[0])


@pytest.mark.parametrize(("dense", "order"), [("published", (1, 0, 2)), ("textbook", (0, 1, 2))])
def test_places_of_cells(fake: dict[str, Any], dense: str, order: tuple[int, int, int]) -> None:
    encoder = PromptEncoder(fake["small"](dense=dense))
    codes = encoder.dense()[0, :, :, 0].T.reshape(2, 2, 2, -1)
    cell = (0, 1, 1)
    place = (torch.tensor(cell) + 0.5) / 2
    torch.testing.assert_close(codes[cell], encoder.pe_layer(place[list(order)]))


def test_what_comes_out(encoder: PromptEncoder) -> None:
    coarse = torch.randn(1, 48, 2, 2, 2)
    with torch.inference_mode():
        tokens, cells = encoder(coarse, Prompts(POINTS, LABELS, BOX, NOTHING))
        answered, others = encoder(coarse, Prompts(POINTS, LABELS, BOX, NOTHING + 1))
    assert tokens.shape == (1, 5 + 2 + 2, 48)
    assert cells.shape == coarse.shape
    assert not torch.allclose(cells, others)
    assert not torch.allclose(tokens, answered)


def test_every_fourth_voxel_of_an_answer_is_looked_at(encoder: PromptEncoder) -> None:
    coarse, between, on = torch.randn(1, 48, 2, 2, 2), NOTHING.clone(), NOTHING.clone()
    between[..., 1:4, :, :] = 5
    on[..., 4, 8, 12] = 5
    with torch.inference_mode():
        maps = [encoder(coarse, Prompts(POINTS, LABELS, None, each))[1] for each in (NOTHING, between, on)]
    assert torch.equal(maps[0], maps[1])
    assert not torch.equal(maps[0], maps[2])
