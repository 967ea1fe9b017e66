from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from baselines.imis_lite.encoder import SIDE, Features, encode, normalise
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
