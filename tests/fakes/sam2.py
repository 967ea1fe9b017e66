"""A SAM 2.1 checkpoint with seeded random weights, in the layout of Meta's own."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import torch

from baselines.sam2.network import Geometry

Shape = tuple[int, ...]


def write_checkpoint(path: Path, geometry: Geometry, seed: int = 0) -> Path:
    """Saves ``{"model": ...}`` as Meta does."""
    torch.save({"model": random_state(geometry, seed)}, path)
    return path


def random_state(geometry: Geometry, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in layers(geometry):
        values = torch.randn(shape, generator=generator)
        fan = max(1, values[0].numel()) if values.ndim > 1 else 1
        if "norm" in name or name.endswith(("encoder.1.weight", "encoder.4.weight", "output_upscaling.1.weight")):
            values = (0.0 if name.endswith("bias") else 1.0) + 0.1 * values
        elif "embed" not in name and "token" not in name and "gaussian" not in name:
            values = values * fan**-0.5 if values.ndim > 1 else 0.02 * values
        state[name] = values
    return state


def layers(geometry: Geometry) -> Iterator[tuple[str, Shape]]:
    """Every name and shape of a checkpoint of SAM 2.1."""
    yield from (
        ("maskmem_tpos_enc", (7, 1, 1, 64)),
        ("no_mem_embed", (1, 1, 256)),
        ("no_mem_pos_enc", (1, 1, 256)),
        ("no_obj_ptr", (1, 256)),
        ("no_obj_embed_spatial", (1, 64)),
    )
    yield from _layer("mask_downsample", (1, 1, 4, 4))
    yield from _layer("obj_ptr_tpos_proj", (64, 256))
    yield from _perceptron("obj_ptr_proj", (256, 256, 256, 256))
    yield from _image_encoder(geometry)
    yield from _prompt_encoder()
    yield from _mask_decoder()
    yield from _memory()


def _image_encoder(geometry: Geometry) -> Iterator[tuple[str, Shape]]:
    trunk, width = "image_encoder.trunk", geometry.width
    yield f"{trunk}.pos_embed", (1, width, geometry.background, geometry.background)
    yield f"{trunk}.pos_embed_window", (1, width, geometry.windows[0], geometry.windows[0])
    yield from _layer(f"{trunk}.patch_embed.proj", (width, 3, 7, 7))
    stages = [stage for stage, count in enumerate(geometry.blocks) for _ in range(count)]
    before = width
    for index, stage in enumerate(stages):
        block, after = f"{trunk}.blocks.{index}", width * 2**stage
        yield from _norm(f"{block}.norm1", before)
        yield from _layer(f"{block}.attn.qkv", (3 * after, before))
        yield from _layer(f"{block}.attn.proj", (after, after))
        yield from _norm(f"{block}.norm2", after)
        yield from _perceptron(f"{block}.mlp", (after, 4 * after, after))
        if before != after:
            yield from _layer(f"{block}.proj", (after, before))
        before = after
    for index in range(4):
        yield from _layer(f"image_encoder.neck.convs.{index}.conv", (256, width * 2 ** (3 - index), 1, 1))


def _prompt_encoder() -> Iterator[tuple[str, Shape]]:
    encoder = "sam_prompt_encoder"
    yield f"{encoder}.pe_layer.positional_encoding_gaussian_matrix", (2, 128)
    for name in (*(f"point_embeddings.{index}" for index in range(4)), "not_a_point_embed", "no_mask_embed"):
        yield f"{encoder}.{name}.weight", (1, 256)
    for index, shape in ((0, (4, 1, 2, 2)), (3, (16, 4, 2, 2)), (6, (256, 16, 1, 1))):
        yield from _layer(f"{encoder}.mask_downscaling.{index}", shape)
    for index, width in ((1, 4), (4, 16)):
        yield from _norm(f"{encoder}.mask_downscaling.{index}", width)


def _mask_decoder() -> Iterator[tuple[str, Shape]]:
    decoder = "sam_mask_decoder"
    for name, count in (("iou_token", 1), ("mask_tokens", 4), ("obj_score_token", 1)):
        yield f"{decoder}.{name}.weight", (count, 256)
    transformer = f"{decoder}.transformer"
    for index in range(2):
        layer = f"{transformer}.layers.{index}"
        yield from _attention(f"{layer}.self_attn", 256, 256)
        yield from _attention(f"{layer}.cross_attn_token_to_image", 128, 256)
        yield from _attention(f"{layer}.cross_attn_image_to_token", 128, 256)
        yield from _perceptron(f"{layer}.mlp", (256, 2048, 256))
        for norm in range(1, 5):
            yield from _norm(f"{layer}.norm{norm}", 256)
    yield from _attention(f"{transformer}.final_attn_token_to_image", 128, 256)
    yield from _norm(f"{transformer}.norm_final_attn", 256)
    yield from _layer(f"{decoder}.output_upscaling.0", (256, 64, 2, 2), 64)
    yield from _norm(f"{decoder}.output_upscaling.1", 64)
    yield from _layer(f"{decoder}.output_upscaling.3", (64, 32, 2, 2), 32)
    yield from _layer(f"{decoder}.conv_s0", (32, 256, 1, 1))
    yield from _layer(f"{decoder}.conv_s1", (64, 256, 1, 1))
    for index in range(4):
        yield from _perceptron(f"{decoder}.output_hypernetworks_mlps.{index}", (256, 256, 256, 32))
    yield from _perceptron(f"{decoder}.iou_prediction_head", (256, 256, 256, 4))
    yield from _perceptron(f"{decoder}.pred_obj_score_head", (256, 256, 256, 1))


def _memory() -> Iterator[tuple[str, Shape]]:
    for index in range(4):
        layer = f"memory_attention.layers.{index}"
        yield from _attention(f"{layer}.self_attn", 256, 256)
        yield from _attention(f"{layer}.cross_attn_image", 256, 64)
        yield from _layer(f"{layer}.linear1", (2048, 256))
        yield from _layer(f"{layer}.linear2", (256, 2048))
        for norm in range(1, 4):
            yield from _norm(f"{layer}.norm{norm}", 256)
    yield from _norm("memory_attention.norm", 256)
    encoder = "memory_encoder"
    for stage in range(4):
        yield from _layer(f"{encoder}.mask_downsampler.encoder.{3 * stage}", (4 ** (stage + 1), 4**stage, 3, 3))
        yield from _norm(f"{encoder}.mask_downsampler.encoder.{3 * stage + 1}", 4 ** (stage + 1))
    yield from _layer(f"{encoder}.mask_downsampler.encoder.12", (256, 256, 1, 1))
    yield from _layer(f"{encoder}.pix_feat_proj", (256, 256, 1, 1))
    for index in range(2):
        layer = f"{encoder}.fuser.layers.{index}"
        yield f"{layer}.gamma", (256,)
        yield from _layer(f"{layer}.dwconv", (256, 1, 7, 7))
        yield from _norm(f"{layer}.norm", 256)
        yield from _layer(f"{layer}.pwconv1", (1024, 256))
        yield from _layer(f"{layer}.pwconv2", (256, 1024))
    yield from _layer(f"{encoder}.out_proj", (64, 256, 1, 1))


def _layer(name: str, weight: Shape, bias: int | None = None) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", weight
    yield f"{name}.bias", (weight[0] if bias is None else bias,)


def _norm(name: str, width: int) -> Iterator[tuple[str, Shape]]:
    yield from _layer(name, (width,))


def _perceptron(name: str, widths: tuple[int, ...]) -> Iterator[tuple[str, Shape]]:
    for index, (before, after) in enumerate(pairwise(widths)):
        yield from _layer(f"{name}.layers.{index}", (after, before))


def _attention(name: str, inner: int, of_keys: int) -> Iterator[tuple[str, Shape]]:
    yield from _layer(f"{name}.q_proj", (inner, 256))
    yield from _layer(f"{name}.k_proj", (inner, of_keys))
    yield from _layer(f"{name}.v_proj", (inner, of_keys))
    yield from _layer(f"{name}.out_proj", (256, inner))
