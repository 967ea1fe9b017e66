"""IMIS-Net's prompt encoder: SAM's, three times as wide, with a text as one token more."""

from dataclasses import dataclass

import torch
from segment_anything.modeling.common import LayerNorm2d
from segment_anything.modeling.prompt_encoder import PositionEmbeddingRandom
from torch import Tensor, nn

_MASK_CHANNELS = 16


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """The prompts of b targets that have the same kinds of them; None for a kind that they lack."""

    count: int
    """b."""
    points: Tensor | None = None
    """(b, n, 2) places (x, y) on the square, integers at pixel centres."""
    labels: Tensor | None = None
    """(b, n): 1 inside, 0 outside, -1 no point."""
    boxes: Tensor | None = None
    """(b, 4): first and last x and y inside, on the square."""
    text: Tensor | None = None
    """(b, c) from the text encoder."""
    masks: Tensor | None = None
    """(b, 1, 4 g, 4 g) logits."""


class PromptEncoder(nn.Module):
    """From prompts to tokens and a map."""

    def __init__(self, width: int, side: int, grid: int) -> None:
        """Tokens and map of ``width`` channels, for a square of ``side`` pixels and ``grid`` positions a direction."""
        super().__init__()
        self.side, self.grid = side, grid
        self.pe_layer = PositionEmbeddingRandom(width // 2)
        # Outside, inside, a box's first corner, its last.
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, width) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, width)
        self.no_mask_embed = nn.Embedding(1, width)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, _MASK_CHANNELS // 4, 2, stride=2),
            LayerNorm2d(_MASK_CHANNELS // 4),
            nn.GELU(),
            nn.Conv2d(_MASK_CHANNELS // 4, _MASK_CHANNELS, 2, stride=2),
            LayerNorm2d(_MASK_CHANNELS),
            nn.GELU(),
            nn.Conv2d(_MASK_CHANNELS, width, 1),
        )

    def forward(self, given: Given) -> tuple[Tensor, Tensor]:
        """(b, k, c) tokens in the order points, box corners, text; (b or 1, c, g, g) map of the mask prompt.

        Points without a box are followed by one that is none. The map of "no mask" is the same for all, so it comes
        once.
        """
        tokens = [self.no_mask_embed.weight.new_empty(given.count, 0, self.no_mask_embed.embedding_dim)]
        if given.points is not None and given.labels is not None:
            tokens.append(self._points(given.points, given.labels, pad=given.boxes is None))
        if given.boxes is not None:
            tokens.append(self._boxes(given.boxes))
        if given.text is not None:
            tokens.append(given.text[:, None])
        if given.masks is not None:
            dense = self.mask_downscaling(given.masks)
        else:
            dense = self.no_mask_embed.weight.reshape(1, -1, 1, 1).expand(-1, -1, self.grid, self.grid)
        return torch.cat(tokens, 1), dense

    def places(self) -> Tensor:
        """(1, c, g, g): the code of each position's centre."""
        with torch.autocast(self.no_mask_embed.weight.device.type, enabled=False):
            code: Tensor = self.pe_layer((self.grid, self.grid))[None]
        return code

    def _points(self, points: Tensor, labels: Tensor, *, pad: bool) -> Tensor:
        points = points + 0.5
        if pad:
            points = torch.cat([points, points.new_zeros(len(points), 1, 2)], 1)
            labels = torch.cat([labels, labels.new_full((len(labels), 1), -1)], 1)
        outside, inside = self._kind(0), self._kind(1)
        kinds = torch.where(labels[..., None] == 1, inside, outside)
        return torch.where(labels[..., None] == -1, self.not_a_point_embed.weight, self._code(points) + kinds)

    def _boxes(self, boxes: Tensor) -> Tensor:
        return self._code(boxes.reshape(-1, 2, 2) + 0.5) + torch.cat([self._kind(2), self._kind(3)])

    def _kind(self, index: int) -> Tensor:
        return self.point_embeddings.get_parameter(f"{index}.weight")

    def _code(self, places: Tensor) -> Tensor:
        # Never in half precision: its sines are of numbers up to hundreds.
        with torch.autocast(places.device.type, enabled=False):
            code: Tensor = self.pe_layer.forward_with_coords(places, (self.side, self.side))
        return code
