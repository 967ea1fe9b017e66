"""The path for a GPU, where there is none: on torch's make-believe CUDA tensors, which have a device and a dtype and no
values, so that nothing that asks for one passes.
"""

import copy
from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch._subclasses import FakeTensorMode

from baselines.imis_net.adapter import normalise
from baselines.imis_net.image import encode
from baselines.imis_net.network import ImisNet
from baselines.imis_net.prompts import Given


def to_fake_cuda(module: nn.Module) -> None:
    """As ``module.cuda()``: a tensor that is no parameter or buffer stays where it was."""
    for part in module.modules():
        for name, value in part._parameters.items():
            if value is not None:
                part._parameters[name] = nn.Parameter(torch.empty_like(value, device="cuda"), requires_grad=False)
        for name, value in part._buffers.items():
            if value is not None:
                part._buffers[name] = torch.empty_like(value, device="cuda")


@pytest.fixture
def on_gpu(network: ImisNet, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImisNet]:
    # Autocast turns itself off where there is no GPU that could do it.
    monkeypatch.setattr("torch.cuda.amp.common.amp_definitely_not_available", lambda: False)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda: True)
    moved = copy.deepcopy(network)
    with FakeTensorMode(allow_non_fake_inputs=True), torch.inference_mode():
        to_fake_cuda(moved)
        yield moved


def test_the_encoder_works_in_bfloat16(on_gpu: ImisNet) -> None:
    seen = set()
    for block in on_gpu.image_encoder.sam_encoder.blocks:
        block.attn.proj.register_forward_hook(lambda _, __, output: seen.add(output.dtype))
    square = torch.empty(1, 3, 128, 128, device="cuda")
    embedding = encode(on_gpu.image_encoder, normalise(square))
    assert embedding.is_cuda
    assert embedding.dtype == torch.float32
    assert seen == {torch.bfloat16}


@pytest.mark.parametrize("masked", [False, True])
def test_no_answer_waits_for_the_processor(on_gpu: ImisNet, masked: bool) -> None:
    def made(*shape: int) -> torch.Tensor:
        return torch.empty(*shape, device="cuda")

    text = on_gpu.describe(torch.empty(3, 9, dtype=torch.int64, device="cuda"))
    given = Given(3, made(3, 2, 2), made(3, 2), made(3, 4), text, made(3, 1, 32, 32) if masked else None)
    best = on_gpu(made(1, 32, 8, 8), on_gpu.prompt_encoder.places(), given).best()
    assert best.logits.shape == (3, 32, 32)
    assert {each.device.type for each in (best.logits, best.scores, best.meanings, text)} == {"cuda"}
    assert {each.dtype for each in (best.logits, best.scores, best.meanings, text)} == {torch.float32}


def test_an_embedding_in_bfloat16_is_near_the_exact_one(network: ImisNet) -> None:
    pixels = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        exact = encode(network.image_encoder, pixels)
        with torch.autocast("cpu", torch.bfloat16):
            found = network.image_encoder(pixels).float()
    assert 0 < (found - exact).norm() / exact.norm() < 0.05


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_session_on_a_real_gpu(network: ImisNet) -> None:
    import numpy as np

    from baselines.imis_net import CARD
    from baselines.imis_net.adapter import ImisModel
    from imedbench.types import Box, Click, Image

    noise = np.random.default_rng(4).integers(0, 255, (110, 150), np.uint8)
    image = Image(noise, (1.0, 1.0), np.eye(4), "ct")
    asked = [[Click((40.0, 50.0))], [Box((10.0, 10.0), (60.0, 90.0))]]
    here = ImisModel(CARD, network).start(image).predict_many(asked)
    there = ImisModel(CARD, copy.deepcopy(network).cuda()).start(image).predict_many(asked)
    for one, other in zip(here, there, strict=True):
        np.testing.assert_allclose(other.logits, one.logits, atol=0.1 * np.abs(one.logits).max())
