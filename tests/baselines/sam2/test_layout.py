"""Meta's names become transformers', one for one, in every size."""

from typing import Any

import pytest
import torch

from baselines.sam2.layout import is_original, translate
from baselines.sam2.network import GEOMETRIES, empty


@pytest.mark.parametrize("name", GEOMETRIES)
def test_every_layer_finds_its_place(name: str, fake_sam2: dict[str, Any]) -> None:
    with torch.device("meta"):
        wanted = {key: value.shape for key, value in empty(GEOMETRIES[name]).state_dict().items()}
        state = {key: torch.empty(shape) for key, shape in fake_sam2["layers"](GEOMETRIES[name])}
    assert is_original(state)
    found = {key: value.shape for key, value in translate(state).items()}
    assert found == wanted
    assert not is_original(translate(state))


def test_the_four_corners_become_one_table() -> None:
    corners = {f"sam_prompt_encoder.point_embeddings.{index}.weight": torch.full((1, 2), index) for index in range(4)}
    translated = translate(corners)
    assert translated["prompt_encoder.point_embed.weight"].tolist() == [[0, 0], [1, 1], [2, 2], [3, 3]]
    del corners["sam_prompt_encoder.point_embeddings.3.weight"]
    assert translate(corners) == {}
