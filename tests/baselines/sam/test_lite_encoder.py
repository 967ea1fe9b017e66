"""LiteMedSAM's folded encoder gives the original encoder's embedding."""

import copy
from typing import Any

import torch
from torch import nn

from baselines.sam.lite_encoder import encode_lite, fold_norms


def test_equals_the_original(plain_lite: Any) -> None:
    torch.manual_seed(3)
    pixels = torch.rand(1, 3, 256, 256)
    folded = copy.deepcopy(plain_lite.image_encoder)
    fold_norms(folded)
    with torch.inference_mode():
        expected, found = plain_lite.image_encoder(pixels), encode_lite(folded, pixels)
    assert torch.allclose(found, expected, atol=1e-4, rtol=1e-4)


def test_no_batch_norm_is_left(lite_network: Any) -> None:
    assert not [module for module in lite_network.image_encoder.modules() if isinstance(module, nn.BatchNorm2d)]
