"""IMIS-Net's mask decoder: SAM's two-way transformer, three times as wide, with tokens that tell what was segmented."""

from dataclasses import dataclass

import torch
from segment_anything.modeling.common import LayerNorm2d
from segment_anything.modeling.mask_decoder import MLP
from segment_anything.modeling.transformer import TwoWayTransformer
from torch import Tensor, nn

from baselines.sam.attention import fuse

MASKS = 4
"""That each prompt is answered with: one for clear prompts, three for ambiguous ones. Only the three are ever used."""
MEANING = 512
"""Width of the vector that tells what a mask shows, in the space of CLIP's texts."""


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """One mask a prompt."""

    logits: Tensor
    """(b, 4 g, 4 g)."""
    scores: Tensor
    """(b,) predicted IoU."""
    meanings: Tensor
    """(b, 512): what each shows."""


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """All masks of b prompts."""

    logits: Tensor
    """(b, 4, 4 g, 4 g)."""
    scores: Tensor
    """(b, 4) predicted IoU, not bounded to 0 to 1."""
    meanings: Tensor
    """(b, 4, 512): what each shows."""

    def best(self) -> Chosen:
        """Of each prompt's last three masks the one with the highest score, the first of equals."""
        index = 1 + self.scores[:, 1:].argmax(1)
        rows = torch.arange(len(index), device=index.device)
        return Chosen(self.logits[rows, index], self.scores[rows, index], self.meanings[rows, index])


class MaskDecoder(nn.Module):
    """From an image's map and prompts' tokens to masks."""

    def __init__(self, width: int, *, text_kernel: bool) -> None:
        """Map and tokens have ``width`` channels; ``text_kernel`` says whether a text also adds to each mask."""
        super().__init__()
        self.text_kernel = text_kernel
        self.transformer = fuse(TwoWayTransformer(depth=2, embedding_dim=width, num_heads=8, mlp_dim=2048))
        self.iou_token = nn.Embedding(1, width)
        self.mask_tokens = nn.Embedding(MASKS, width)
        self.semantic_tokens = nn.Embedding(MASKS, width)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(width, width // 4, 2, stride=2),
            LayerNorm2d(width // 4),
            nn.GELU(),
            nn.ConvTranspose2d(width // 4, width // 8, 2, stride=2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(MLP(width, width, width // 8, 3) for _ in range(MASKS))
        self.text_output = nn.Linear(width, width // 8)
        self.iou_prediction_head = MLP(width, 256, MASKS, 3)
        self.semantic_prediction_head = MLP(width, 256, MEANING, 3)

    def forward(self, image: Tensor, places: Tensor, sparse: Tensor, text: Tensor | None) -> Decoded:
        """The masks of b prompts.

        Args:
            image: (b or 1, c, g, g), the image's map plus that of the mask prompts; where it is the same for all
                prompts, the first layer projects it once.
            places: (1, c, g, g), the code of each position.
            sparse: (b, k, c), the prompts' tokens.
            text: (b, c), the texts among them.
        """
        tables = (self.iou_token, self.mask_tokens, self.semantic_tokens)
        own = torch.cat([table.weight for table in tables]).expand(len(sparse), -1, -1)
        tokens, positions = self.transformer(image, places, torch.cat([own, sparse], 1))
        score, masks, meanings, _ = tokens.split([1, MASKS, MASKS, sparse.shape[1]], 1)
        fine = self.output_upscaling(positions.mT.unflatten(2, image.shape[2:]))
        kernels = torch.stack(
            [network(token) for network, token in zip(self.output_hypernetworks_mlps, masks.unbind(1), strict=True)], 1
        )
        if text is not None and self.text_kernel:
            kernels = kernels + self.text_output(text)[:, None]
        logits = (kernels @ fine.flatten(2)).unflatten(2, fine.shape[2:])
        return Decoded(logits, self.iou_prediction_head(score[:, 0]), self.semantic_prediction_head(meanings))
