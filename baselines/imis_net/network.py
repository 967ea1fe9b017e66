"""IMIS-Net: points, boxes, texts and earlier masks on one image (arXiv 2411.12814, section 4)."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from baselines.imis_net.decoder import Decoded, MaskDecoder
from baselines.imis_net.image import EncoderSize, ImageEncoder
from baselines.imis_net.prompts import Given, PromptEncoder
from baselines.imis_net.settings import Settings
from baselines.imis_net.tokens import END


@dataclass(frozen=True, slots=True)
class TextSize:
    """The size of CLIP's text encoder; that of ViT-B/32 unless said otherwise."""

    width: int = 512
    depth: int = 12
    heads: int = 8
    hidden: int = 2048


@dataclass(frozen=True, slots=True)
class Geometry:
    """The size of the whole; that of the paper unless said otherwise."""

    width: int = 768
    """Of the decoder."""
    image: EncoderSize = field(default_factory=EncoderSize)
    text: TextSize = field(default_factory=TextSize)


class ImisNet(nn.Module):
    """The network; its parts have the names that the released checkpoints give them."""

    def __init__(self, geometry: Geometry, settings: Settings) -> None:
        """Random weights: what a checkpoint does not fill has torch's own start."""
        super().__init__()
        self.settings = settings
        width = geometry.width
        self.image_encoder = ImageEncoder(geometry.image, width, settings.encoder_epsilon)
        self.prompt_encoder = PromptEncoder(width, settings.side, settings.grid)
        self.mask_decoder = MaskDecoder(width, text_kernel=settings.text_kernel)
        self.text_model = _text_encoder(geometry.text)
        self.text_out_dim = nn.Linear(geometry.text.width, width)

    def describe(self, tokens: Tensor) -> Tensor:
        """(b, n) token numbers, each row ended and filled up by `END`, to (b, c) text vectors.

        No position sees a later one, so what follows the first end of a row does not matter.
        """
        described: Tensor = self.text_out_dim(self.pool(tokens))
        return described

    def pool(self, tokens: Tensor) -> Tensor:
        """The same before the projection: the text encoder's own vectors."""
        states = self.text_model(input_ids=tokens).last_hidden_state
        last = (tokens == END).int().argmax(1)
        pooled: Tensor = states[torch.arange(len(tokens), device=tokens.device), last]
        return pooled

    def forward(self, embedding: Tensor, places: Tensor, given: Given) -> Decoded:
        """The masks of b targets, on one image or on one each.

        Args:
            embedding: (1 or b, c, g, g) from the image encoder.
            places: (1, c, g, g) from the prompt encoder.
            given: their prompts.
        """
        sparse, dense = self.prompt_encoder(given)
        decoded: Decoded = self.mask_decoder(embedding + dense, places, sparse, given.text)
        return decoded


def _text_encoder(size: TextSize) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel

    config = CLIPTextConfig(
        hidden_size=size.width,
        intermediate_size=size.hidden,
        num_hidden_layers=size.depth,
        num_attention_heads=size.heads,
    )
    return CLIPTextModel(config)
