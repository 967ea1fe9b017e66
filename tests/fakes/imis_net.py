"""Checkpoints of IMIS-Net in the layout of the released one, and the recipe of the numbers that it was checked with."""

import zlib
from collections.abc import Iterator, Mapping
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch

from baselines.imis_net.image import EncoderSize
from baselines.imis_net.network import Geometry, ImisNet, TextSize

Shape = tuple[int, ...]
SMALL = Geometry(
    width=32,
    image=EncoderSize(width=24, depth=2, heads=2, attends_everywhere=(1,), side=128),
    text=TextSize(width=16, depth=1, heads=2, hidden=32),
)


def drawn(name: str, shape: Shape) -> torch.Tensor:
    """Standard normal numbers that belong to a name."""
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    return torch.from_numpy(generator.standard_normal(shape)).float()


def write_checkpoint(path: Path, geometry: Geometry) -> Path:
    """Saves the tensors alone, as the released file has them."""
    torch.save(random_state(geometry), path)
    return path


def random_state(geometry: Geometry) -> dict[str, torch.Tensor]:
    """Each tensor drawn from its name, at the size that keeps what flows through the network near 1."""
    return {name: _weight(name, shape) for name, shape in layers(geometry)}


def filled(geometry: Geometry, settings: Any) -> ImisNet:
    """A network with these weights, ready for inference."""
    from baselines.imis_net.checkpoint import translate

    network = ImisNet(geometry, settings)
    network.load_state_dict(translate(random_state(geometry), network))
    return network.eval().requires_grad_(False)


def _weight(name: str, shape: Shape) -> torch.Tensor:
    values = drawn(name, shape)
    if "gaussian" in name:
        return values
    if name.endswith("pos_embed"):
        return 0.1 * values
    if len(shape) > 1:
        return values / prod(shape[1:]) ** 0.5
    return float(name.endswith(".weight")) + 0.1 * values


def layers(geometry: Geometry) -> Iterator[tuple[str, Shape]]:
    """Every name and shape of the released checkpoint."""
    yield from _image_encoder(geometry)
    yield from _prompt_encoder(geometry.width)
    yield from _mask_decoder(geometry.width)
    yield from _text_model(geometry.text)
    yield from _layer("text_out_dim", (geometry.width, geometry.text.width))


def shapes(state: Mapping[str, torch.Tensor]) -> dict[str, Shape]:
    return {name: tuple(value.shape) for name, value in state.items()}


def _image_encoder(geometry: Geometry) -> Iterator[tuple[str, Shape]]:
    encoder, size = "image_encoder.sam_encoder", geometry.image
    grid, width, head = size.side // 16, size.width, size.width // size.heads
    yield f"{encoder}.pos_embed", (1, grid, grid, width)
    yield from _layer(f"{encoder}.patch_embed.proj", (width, 3, 16, 16))
    for index in range(size.depth):
        block, reach = f"{encoder}.blocks.{index}", grid if index in size.attends_everywhere else 14
        yield from _layer(f"{block}.norm1", (width,))
        yield f"{block}.attn.rel_pos_h", (2 * reach - 1, head)
        yield f"{block}.attn.rel_pos_w", (2 * reach - 1, head)
        yield from _layer(f"{block}.attn.qkv", (3 * width, width))
        yield from _layer(f"{block}.attn.proj", (width, width))
        yield from _layer(f"{block}.norm2", (width,))
        yield from _layer(f"{block}.mlp.fc1", (4 * width, width))
        yield from _layer(f"{block}.mlp.fc2", (width, 4 * width))
    for neck, channels in ((f"{encoder}.neck", 256), ("image_encoder.neck", geometry.width)):
        yield f"{neck}.0.weight", (channels, width, 1, 1)
        yield from _layer(f"{neck}.1", (channels,))
        yield f"{neck}.2.weight", (channels, channels, 3, 3)
        yield from _layer(f"{neck}.3", (channels,))


def _prompt_encoder(width: int) -> Iterator[tuple[str, Shape]]:
    encoder = "prompt_encoder"
    yield f"{encoder}.pe_layer.positional_encoding_gaussian_matrix", (2, width // 2)
    for name in (*(f"point_embeddings.{index}" for index in range(4)), "not_a_point_embed", "no_mask_embed"):
        yield f"{encoder}.{name}.weight", (1, width)
    for index, shape in ((0, (4, 1, 2, 2)), (1, (4,)), (3, (16, 4, 2, 2)), (4, (16,)), (6, (width, 16, 1, 1))):
        yield from _layer(f"{encoder}.mask_downscaling.{index}", shape)


def _mask_decoder(width: int) -> Iterator[tuple[str, Shape]]:
    decoder, half = "mask_decoder", width // 2
    for name, count in (("iou_token", 1), ("mask_tokens", 4), ("semantic_tokens", 4)):
        yield f"{decoder}.{name}.weight", (count, width)
    transformer = f"{decoder}.transformer"
    for index in range(2):
        layer = f"{transformer}.layers.{index}"
        yield from _attention(f"{layer}.self_attn", width, width)
        yield from _attention(f"{layer}.cross_attn_token_to_image", width, half)
        yield from _attention(f"{layer}.cross_attn_image_to_token", width, half)
        yield from _layer(f"{layer}.mlp.lin1", (2048, width))
        yield from _layer(f"{layer}.mlp.lin2", (width, 2048))
        for norm in range(1, 5):
            yield from _layer(f"{layer}.norm{norm}", (width,))
    yield from _attention(f"{transformer}.final_attn_token_to_image", width, half)
    yield from _layer(f"{transformer}.norm_final_attn", (width,))
    yield from _layer(f"{decoder}.output_upscaling.0", (width, width // 4, 2, 2), width // 4)
    yield from _layer(f"{decoder}.output_upscaling.1", (width // 4,))
    yield from _layer(f"{decoder}.output_upscaling.3", (width // 4, width // 8, 2, 2), width // 8)
    for index in range(4):
        yield from _perceptron(f"{decoder}.output_hypernetworks_mlps.{index}", (width, width, width, width // 8))
    yield from _layer(f"{decoder}.text_output", (width // 8, width))
    yield from _perceptron(f"{decoder}.iou_prediction_head", (width, 256, 256, 4))
    yield from _perceptron(f"{decoder}.semantic_prediction_head", (width, 256, 256, 512))


def _text_model(size: TextSize) -> Iterator[tuple[str, Shape]]:
    model, width = "text_model.text_model", size.width
    yield f"{model}.embeddings.token_embedding.weight", (49408, width)
    yield f"{model}.embeddings.position_embedding.weight", (77, width)
    for index in range(size.depth):
        layer = f"{model}.encoder.layers.{index}"
        yield from _attention(f"{layer}.self_attn", width, width)
        yield from _layer(f"{layer}.layer_norm1", (width,))
        yield from _layer(f"{layer}.layer_norm2", (width,))
        yield from _layer(f"{layer}.mlp.fc1", (size.hidden, width))
        yield from _layer(f"{layer}.mlp.fc2", (width, size.hidden))
    yield from _layer(f"{model}.final_layer_norm", (width,))


def _layer(name: str, weight: Shape, bias: int | None = None) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", weight
    yield f"{name}.bias", (weight[0] if bias is None else bias,)


def _perceptron(name: str, widths: Shape) -> Iterator[tuple[str, Shape]]:
    for index, (before, after) in enumerate(pairwise(widths)):
        yield from _layer(f"{name}.layers.{index}", (after, before))


def _attention(name: str, width: int, inner: int) -> Iterator[tuple[str, Shape]]:
    for projection in "qkv":
        yield from _layer(f"{name}.{projection}_proj", (inner, width))
    yield from _layer(f"{name}.out_proj", (width, inner))
