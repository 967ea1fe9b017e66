"""IMIS-Net's image encoder: SAM's ViT-B as timm builds it, with a neck that keeps its width."""

from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import timm
import torch
from segment_anything.modeling.common import LayerNorm2d
from timm.layers.pos_embed import resample_abs_pos_embed_nhwc
from torch import Tensor, nn

from baselines.imis_net.settings import PATCH
from baselines.sam.encoder import encode as encode_blocks


@dataclass(frozen=True, slots=True)
class EncoderSize:
    """The size of the image encoder; that of the paper unless said otherwise."""

    width: int = 768
    depth: int = 12
    heads: int = 12
    attends_everywhere: tuple[int, ...] = (2, 5, 8, 11)
    """Which blocks are not confined to windows of 14 x 14."""
    side: int = 1024
    """Of the square that its positional embedding is made for; others are interpolated."""


class ImageEncoder(nn.Module):
    """From a normalised square to a map of features at a sixteenth of its side."""

    def __init__(self, size: EncoderSize, width: int, epsilon: float) -> None:
        """``width`` is that of the map, ``epsilon`` that of the norms in the blocks."""
        super().__init__()
        # timm's own neck, to 256 channels, is never used; the checkpoints hold it.
        self.sam_encoder: Any = timm.create_model(
            "samvit_base_patch16",
            pretrained=False,
            num_classes=0,
            img_size=size.side,
            embed_dim=size.width,
            depth=size.depth,
            num_heads=size.heads,
            global_attn_indexes=size.attends_everywhere,
            norm_layer=partial(nn.LayerNorm, eps=epsilon),
        )
        self.neck = nn.Sequential(
            nn.Conv2d(size.width, width, 1, bias=False),
            LayerNorm2d(width),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            LayerNorm2d(width),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """(b, 3, side, side), normalised, to (b, c, side / 16, side / 16)."""
        found: Tensor = self.neck(self.body(pixels).permute(0, 3, 1, 2))
        return found

    def body(self, pixels: Tensor) -> Tensor:
        """The same up to the neck: (b, side / 16, side / 16, c)."""
        values = self.sam_encoder.patch_embed(pixels)
        values = values + resample_abs_pos_embed_nhwc(self.sam_encoder.pos_embed, list(values.shape[1:3]))
        encoded: Tensor = self.sam_encoder.blocks(values)
        return encoded


def encode(encoder: ImageEncoder, pixels: Tensor) -> Tensor:
    """What ``encoder(pixels)`` gives for one image, for inference: faster, and with a tenth of the memory.

    In bfloat16 where the device is a GPU; float32 comes back.
    """
    with torch.autocast(pixels.device.type, torch.bfloat16, enabled=pixels.is_cuda):
        encoded = _encode(encoder, encoder.neck, pixels)
    return encoded.float()


def encode_body(encoder: ImageEncoder, pixels: Tensor) -> Tensor:
    """What ``encoder.body(pixels)`` gives, for weights that do not learn, in the same way one image after another."""
    grids = [_encode(encoder, nn.Identity(), image[None]) for image in pixels]
    return torch.cat(grids).permute(0, 2, 3, 1)


def _encode(encoder: ImageEncoder, neck: nn.Module, pixels: Tensor) -> Tensor:
    body = encoder.sam_encoder
    grid = [length // PATCH for length in pixels.shape[2:]]
    parts = SimpleNamespace(
        patch_embed=body.patch_embed,
        pos_embed=resample_abs_pos_embed_nhwc(body.pos_embed, grid),
        blocks=body.blocks,
        neck=neck,
    )
    return encode_blocks(parts, pixels)
