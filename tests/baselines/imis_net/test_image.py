import pytest
import torch

from baselines.imis_net.image import EncoderSize, ImageEncoder, encode, encode_body
from baselines.imis_net.network import ImisNet


@pytest.mark.parametrize("side", [128, 64, 240])
def test_inference_gives_the_same(network: ImisNet, side: int) -> None:
    pixels = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        fast, plain = encode(network.image_encoder, pixels), network.image_encoder(pixels)
    assert fast.shape == (1, 32, side // 16, side // 16)
    torch.testing.assert_close(fast, plain, atol=1e-4, rtol=1e-4)


def test_images_of_a_batch_do_not_mix(network: ImisNet) -> None:
    pixels = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        together = network.image_encoder(pixels)
        alone = torch.cat([network.image_encoder(each[None]) for each in pixels])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


def test_a_frozen_body_gives_the_same(network: ImisNet) -> None:
    pixels = torch.randn(2, 3, 128, 96, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        fast, plain = encode_body(network.image_encoder, pixels), network.image_encoder.body(pixels)
    assert fast.shape == (2, 8, 6, 24)
    torch.testing.assert_close(fast, plain, atol=1e-4, rtol=1e-4)


def test_the_norms_have_the_epsilon_that_is_asked_for() -> None:
    encoder = ImageEncoder(EncoderSize(width=8, depth=1, heads=1, side=32), width=8, epsilon=0.25)
    assert encoder.sam_encoder.blocks[0].norm1.eps == encoder.sam_encoder.blocks[0].norm2.eps == 0.25
    assert encoder.neck[1].eps == 1e-6
