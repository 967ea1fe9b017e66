"""The fast encoder gives the original encoder's embedding."""

from typing import Any

import pytest
import torch

from baselines.sam import encoder as module
from baselines.sam.encoder import encode


def test_equals_the_original(random_sam: Any) -> None:
    torch.manual_seed(2)
    pixels = torch.randn(1, 3, 256, 256)
    with torch.inference_mode():
        expected = random_sam.image_encoder(pixels)
        found = encode(random_sam.image_encoder, pixels)
    assert torch.allclose(found, expected, atol=1e-4, rtol=1e-4)


def test_does_not_depend_on_how_much_is_done_at_a_time(random_sam: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(2)
    pixels = torch.randn(1, 3, 256, 256)
    with torch.inference_mode():
        expected = encode(random_sam.image_encoder, pixels)
        # 100 divides neither 256 positions nor a row of them.
        monkeypatch.setattr(module, "_STRIP", 100)
        monkeypatch.setattr(module, "_ROWS", 100)
        found = encode(random_sam.image_encoder, pixels)
    assert torch.allclose(found, expected, atol=1e-5)
