"""The path for a GPU, where there is none: on torch's make-believe CUDA tensors, which have a device and a dtype and no
values, and its arithmetic in bfloat16 on the processor.
"""

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch._subclasses import FakeTensorMode

from baselines.sam.decoder import ImageDecoder, _upscale
from baselines.sam.encoder import encode
from baselines.sam.lite_encoder import encode_lite
from baselines.sam.network import Network, from_lite, from_sam

ENCODERS: dict[str, Callable[[Any, torch.Tensor], torch.Tensor]] = {"sam": encode, "lite": encode_lite}


@pytest.fixture(params=["sam", "lite"])
def network(request: pytest.FixtureRequest, random_sam: Any, plain_lite: Any) -> Network:
    if request.param == "sam":
        return from_sam(copy.deepcopy(random_sam))
    return from_lite(copy.deepcopy(plain_lite))


def to_fake_cuda(module: nn.Module) -> None:
    """As ``module.cuda()``: a tensor that is no parameter or buffer stays where it was."""
    for part in module.modules():
        for name, value in part._parameters.items():
            if value is not None:
                part._parameters[name] = nn.Parameter(torch.empty_like(value, device="cuda"), requires_grad=False)
        for name, value in part._buffers.items():
            if value is not None:
                part._buffers[name] = torch.empty_like(value, device="cuda")


def test_all_tensors_are_on_the_gpu_and_of_one_type(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    # Autocast turns itself off where there is no GPU that could do it.
    monkeypatch.setattr("torch.cuda.amp.common.amp_definitely_not_available", lambda: False)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda: True)
    with FakeTensorMode(allow_non_fake_inputs=True), torch.inference_mode():
        for module in (network.image_encoder, network.prompt_encoder, network.mask_decoder):
            to_fake_cuda(module)
        pixels = torch.empty(1, 3, 256, 256, device="cuda")
        with torch.autocast("cuda", torch.bfloat16):
            embedding = ENCODERS[network.scaling](network.image_encoder, network._normalise(pixels[0])[None])
            assert torch.mm(pixels[0, 0], pixels[0, 0]).dtype == torch.bfloat16
        embedding = embedding.float()
        assert embedding.is_cuda
        positions = network.prompt_encoder.get_dense_pe()
        no_mask = network.prompt_encoder.no_mask_embed.weight
        decoder = ImageDecoder(network.mask_decoder, embedding, positions, no_mask)
        tokens, image, places = decoder._transform(torch.empty(5, 2, 256, device="cuda"))
        assert image.is_cuda
        assert image.shape == (5, math.prod(embedding.shape[-2:]), 256)
        kernels = decoder._kernels(tokens, places, image, (1, 2, 3))
        drawn = _upscale(image[0], network.mask_decoder.output_upscaling)
        assert (kernels.device, drawn.device) == (image.device, image.device)
        frame = network.frame((200, 250))
        enlarged = frame.enlarge(torch.empty(2, frame.coarse, frame.coarse, device="cuda"))
        assert enlarged.is_cuda
        assert enlarged.shape == (2, 200, 250)


def test_an_embedding_in_bfloat16_is_near_the_exact_one(random_sam: Any) -> None:
    torch.manual_seed(2)
    pixels = torch.rand(1, 3, 256, 256)
    with torch.inference_mode():
        exact = encode(random_sam.image_encoder, pixels)
        with torch.autocast("cpu", torch.bfloat16):
            found = encode(random_sam.image_encoder, pixels).float()
    assert 0 < (found - exact).norm() / exact.norm() < 0.05
