"""PRISM's prompt encoder: points, boxes and the last answer meet the image in a two-way transformer."""

import math
from dataclasses import dataclass

import torch
from segment_anything.modeling.transformer import TwoWayTransformer
from torch import Tensor, nn

from baselines.prism.blocks import ChannelNorm
from baselines.prism.settings import Settings
from baselines.sam.attention import fuse

MASKS = 4
"""That the network can draw; the first is for answers without a choice."""
NOWHERE, OUTSIDE, INSIDE = -1, 0, 1
"""Labels of points."""
_HEADS, _LAYERS, _HIDDEN = 8, 2, 2048
_MASK_STEP = 4
"""Every fourth voxel of the last answer is looked at."""
_AXES = 3


@dataclass(frozen=True, slots=True, eq=False)
class Prompts:
    """What a user says in one turn of b targets, one on each image; as many points for each."""

    points: Tensor
    """(b, n, 3) voxels, in the order of the image's axes."""
    labels: Tensor
    """(b, n) 1 inside the target, 0 outside, -1 for a point that there was no place for."""
    boxes: Tensor | None
    """(b, 6) first voxels along each axis, then the ends: one beyond the last."""
    previous: Tensor
    """(b, 1, S, S, S) logits of the last answer; zeros at first."""


class Places(nn.Module):
    """Random Fourier features of places (..., 3) from 0 to 1: sine, cosine, and the sine again."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.positional_encoding_gaussian_matrix: Tensor
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(_AXES, width // 3))

    def forward(self, places: Tensor) -> Tensor:
        """(..., width), in single precision: it turns fast."""
        with torch.autocast(places.device.type, enabled=False):
            angles = 2 * math.pi * ((2 * places.float() - 1) @ self.positional_encoding_gaussian_matrix)
            return torch.cat([angles.sin(), angles.cos(), angles.sin()], -1)


class PromptEncoder(nn.Module):
    """What prompts make of the image's coarsest map, and of the tokens that masks are drawn with."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        width = settings.embedding
        self.size, self.grid, self.exchanged = settings.size, settings.grid, settings.dense == "published"
        self.pe_layer = Places(width)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, width) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, width)
        self.iou_token = nn.Embedding(1, width)
        self.mask_tokens = nn.Embedding(MASKS, width)
        self.mask_downscaling = nn.Sequential(
            nn.Conv3d(1, 4, 2, stride=2), ChannelNorm(4), nn.GELU(),
            nn.Conv3d(4, 16, 2, stride=2), ChannelNorm(16), nn.GELU(),
            nn.Conv3d(16, width, 1),
        )  # fmt: skip
        self.transformer = fuse(TwoWayTransformer(_LAYERS, width, _HEADS, _HIDDEN))

    def forward(self, coarse: Tensor, prompts: Prompts) -> tuple[Tensor, Tensor]:
        """Tokens (b, 5 + ..., width): score, four masks, prompts; and the map (b, width, S / 16, S / 16, S / 16)."""
        tokens = torch.cat([self.outputs.expand(len(coarse), -1, -1), self.sparse(prompts)], 1).to(coarse.dtype)
        told = coarse + self.mask_downscaling(prompts.previous[..., ::_MASK_STEP, ::_MASK_STEP, ::_MASK_STEP])
        # segment_anything's is for planes: the volume's positions lie in one row.
        tokens, cells = self.transformer(told.flatten(2)[..., None], self.dense().to(told.dtype), tokens)
        return tokens, cells.mT.reshape(coarse.shape)

    @property
    def outputs(self) -> Tensor:
        """(1, 5, width): the tokens of the score and of the masks."""
        return torch.cat([self.iou_token.weight, self.mask_tokens.weight])[None]

    def sparse(self, prompts: Prompts) -> Tensor:
        """(b, n + 1 or 2, width): points, then a box or what says that there is none."""
        kinds = torch.cat([*self.point_embeddings.parameters()])
        none = self.not_a_point_embed.weight
        points: Tensor = self.pe_layer((prompts.points + 0.5) / self.size) + kinds[prompts.labels.clamp(min=OUTSIDE)]
        points = torch.where(prompts.labels[..., None] == NOWHERE, none, points)
        if prompts.boxes is None:
            return torch.cat([points, none.expand(len(points), 1, -1)], 1)
        corners = (prompts.boxes.view(-1, 2, _AXES) + 0.5) / self.size
        return torch.cat([points, self.pe_layer(corners) + kinds[2:]], 1)

    def dense(self) -> Tensor:
        """(1, width, S^3 / 16^3, 1): the places of the cells."""
        device = self.iou_token.weight.device
        along = (torch.arange(self.grid, device=device) + 0.5) / self.grid
        places = torch.stack(torch.meshgrid(along, along, along, indexing="ij"), -1)
        if self.exchanged:
            places = places[..., [1, 0, 2]]
        codes: Tensor = self.pe_layer(places)
        return codes.flatten(0, 2).T[None, ..., None]
