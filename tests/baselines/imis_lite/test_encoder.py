from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from baselines.imis_lite.encoder import SIDE, Features, encode, normalise, stretched
from baselines.sam.network import Network


def picture(size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(2).integers(30, 200, (*size, 3), np.uint8)


@pytest.mark.parametrize("size", [(256, 256), (90, 160)])
def test_features_are_lite_medsams(lite: Any, size: tuple[int, int]) -> None:
    sam = Network(lite.image_encoder, lite.prompt_encoder, lite.mask_decoder, scaling="lite", ambiguous=False)
    pixels, frame = picture(size), sam.frame(size)
    height, width = frame.filled
    square = torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8)
    square[0, :height, :width] = torch.from_numpy(frame.fit(pixels))
    found = encode(lite.image_encoder, square, frame.filled)
    with torch.inference_mode():
        expected = sam.embed(pixels, frame)
    torch.testing.assert_close(found.deep, expected, atol=1e-5, rtol=1e-5)


def test_early_features_are_those_after_the_first_attention(lite: Any, features: Features) -> None:
    encoder = lite.image_encoder
    with torch.inference_mode():
        values = encoder.layers[0](encoder.patch_embed(features.pixels[1:]))
        for block in encoder.layers[1].blocks:
            values = block(values)
    expected = values[0].T.reshape(128, 128, 128)
    torch.testing.assert_close(features.early[1], expected, atol=1e-3, rtol=1e-3)


def test_shapes_and_nothing_learns(lite: Any, features: Features) -> None:
    assert [tuple(each.shape) for each in features] == [(2, 256, 64, 64), (2, 128, 128, 128), (2, 3, 256, 256)]
    assert not any(each.requires_grad for each in features)
    assert not lite.image_encoder.layers[1].downsample._forward_pre_hooks


def test_each_image_goes_from_its_least_to_its_greatest() -> None:
    pixels = torch.full((2, 8, 8, 3), 255, dtype=torch.uint8)
    pixels[0, :6, :5] = torch.from_numpy(picture((6, 5)))
    pixels[1, :6, :5] = 70
    found = normalise(pixels, (6, 5))
    values = pixels[0, :6, :5].permute(2, 0, 1).float()
    torch.testing.assert_close(found[0, :, :6, :5], (values - values.min()) / (values.max() - values.min()))
    assert not found[:, :, 6:].any()
    assert not found[:, :, :, 5:].any()
    assert not found[1].any()


def test_kept_in_half_precision(features: Features) -> None:
    half = features.half()
    assert sum(each.nbytes for each in half) / 2 < 7e6
    assert all(each.is_contiguous() for each in half)
    for kept, exact in zip(half.float(), features, strict=True):
        assert kept.dtype == torch.float32
        torch.testing.assert_close(kept, exact, atol=1e-4, rtol=1e-3)


def test_brief_is_close_and_images_do_not_mix(lite: Any, squares: Tensor, features: Features) -> None:
    brief = encode(lite.image_encoder, squares[1:], brief=True)
    assert {each.dtype for each in brief} == {torch.float32}
    assert torch.equal(brief.pixels[0], features.pixels[1])
    for rough, (first, second) in zip(brief[:2], features[:2], strict=True):
        assert 0 < float((rough[0] - second).norm() / second.norm()) < 0.1
        assert float((first - second).norm() / second.norm()) > 0.3


def test_the_extremes_are_cut_off() -> None:
    """As numpy's percentiles of what is not 0 say; 0 stays."""
    pixels = np.arange(256).repeat(12).astype(np.uint8).reshape(32, 32, 3)
    pixels[-1, -1] = 255
    found = stretched(pixels)
    low, high = np.percentile(pixels[pixels > 0], (0.5, 99.5))
    assert found[pixels <= low].max() == 0
    assert found[pixels >= high].min() == 255
    np.testing.assert_allclose(found[pixels == 100], 255 * (100 - low) / (high - low), atol=0.51)
    few = np.full((40, 40, 3), 90, np.uint8)
    few[:20] = 100
    few[0, 0], few[1, 1] = 255, 1
    assert stretched(few)[30, 30, 0] == 0
    assert stretched(few)[10, 10, 0] == stretched(few)[0, 0, 0] == 255
    for level in (0, 7):
        flat = np.full((4, 4, 3), level, np.uint8)
        assert not stretched(flat).any()
