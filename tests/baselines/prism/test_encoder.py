from typing import Any

import pytest
import torch

from baselines.prism.encoder import ImageEncoder


@pytest.mark.parametrize("sides", ["both", "convolutions", "transformer"])
def test_maps(fake: dict[str, Any], sides: str) -> None:
    encoder = ImageEncoder(fake["small"](sides=sides)).eval()
    with torch.inference_mode():
        encoded = encoder(torch.randn(2, 1, 32, 32, 32))
    assert encoded.coarse.shape == (2, 48, 2, 2, 2)
    shapes = [(2, 4, 32, 32, 32), (2, 4, 16, 16, 16), (2, 8, 8, 8, 8), (2, 8, 4, 4, 4)]
    assert [tuple(each.shape) for each in encoded.skips] == shapes


def test_both_sides_are_added(fake: dict[str, Any]) -> None:
    both = fake["fill"](ImageEncoder(fake["small"]()))
    alone = {}
    for sides in ("convolutions", "transformer"):
        alone[sides] = ImageEncoder(fake["small"](sides=sides)).eval()
        own = alone[sides].state_dict()
        alone[sides].load_state_dict({name: value for name, value in both.state_dict().items() if name in own})
    image = torch.randn(1, 1, 32, 32, 32)
    with torch.inference_mode():
        whole, one, other = (made(image) for made in (both, alone["convolutions"], alone["transformer"]))
    torch.testing.assert_close(whole.coarse, one.coarse + other.coarse)
    torch.testing.assert_close(whole.skips[0], one.skips[0])
    for level in (1, 2, 3):
        torch.testing.assert_close(whole.skips[level], one.skips[level] + other.skips[level])


def test_images_do_not_mix(fake: dict[str, Any]) -> None:
    encoder = fake["fill"](ImageEncoder(fake["small"]()))
    images = torch.randn(2, 1, 32, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(encoder(images).coarse[1:], encoder(images[1:]).coarse, atol=1e-5, rtol=1e-4)
