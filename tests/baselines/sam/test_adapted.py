"""SAM-Med2D's adapters do what its paper's figure 3 says, beside each MLP of SAM's own blocks."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from baselines.sam.adapted import Adapter, adapt
from baselines.sam.encoder import encode


class Both(nn.Module):
    """An MLP and an adapter side by side, in segment_anything's own block."""

    def __init__(self, mlp: Any, adapter: Adapter) -> None:
        super().__init__()
        self.mlp, self.adapter = mlp, adapter

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """(b, h, w, c)."""
        return self.mlp(values) + spelt_out(self.adapter, values)


def spelt_out(adapter: Adapter, values: torch.Tensor) -> torch.Tensor:
    planes = values.permute(0, 3, 1, 2)
    batch, channels = planes.shape[:2]
    pooled = nn.functional.adaptive_avg_pool2d(planes, 1).view(batch, channels)
    gated = planes * adapter.channel(pooled).view(batch, channels, 1, 1)
    return adapter.norm((planes + adapter.spatial(gated)).permute(0, 2, 3, 1))


@pytest.fixture(scope="module")
def adapted(random_sam: Any) -> Any:
    encoder = copy.deepcopy(random_sam.image_encoder)
    torch.manual_seed(5)
    adapt(encoder)
    return encoder.eval().requires_grad_(False)


def test_encodes_as_segment_anythings_blocks_with_adapters(adapted: Any) -> None:
    original = copy.deepcopy(adapted)
    for block in original.blocks:
        block.mlp = Both(block.mlp, block.Adapter)
    pixels = torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(6))
    with torch.inference_mode():
        found, expected = encode(adapted, pixels), original(pixels)
    assert torch.allclose(found, expected, atol=1e-4, rtol=1e-4)


def test_adapters_matter(adapted: Any, random_sam: Any) -> None:
    pixels = torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(6))
    with torch.inference_mode():
        assert (encode(adapted, pixels) - encode(random_sam.image_encoder, pixels)).abs().max() > 0.01


def test_layers_are_called_as_in_the_released_checkpoint(adapted: Any) -> None:
    names = {name for name in adapted.state_dict() if name.startswith("blocks.1.Adapter.")}
    layers = (
        "norm.weight",
        "norm.bias",
        "channel.0.weight",
        "channel.2.weight",
        "spatial.0.weight",
        "spatial.2.weight",
    )
    assert names == {f"blocks.1.Adapter.{layer}" for layer in layers}
