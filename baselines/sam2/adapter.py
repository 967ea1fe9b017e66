"""Networks of the SAM 2 family as models of imedbench: one 2-D image, clicks, a box and an earlier mask.

As SAM 2's own image predictor: the image is stretched over the network's square, a lone click is answered by the best
scored of three masks, and anything else by the first, or by the best of three where the first is unstable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from baselines.sam.batches import alike
from baselines.sam.colour import colour
from baselines.sam2.network import build
from imedbench.errors import MissingWeights
from imedbench.models.base import Card
from imedbench.models.checks import check_dimension, check_prompts
from imedbench.types import Array, Box, Click, Image, Logits, MaskPrompt, Prediction, Prompt

_PROMPTS_AT_ONCE = {"cpu": 4, "cuda": 128}
_BOUND = 32.0
"""Of the logits that are given back as a mask prompt."""
# ImageNet's, on pixels of 0 to 1.
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


def load(card: Card, checkpoint: Path | None, device: str) -> "Sam2":
    """The model of this card with the weights in ``checkpoint``."""
    if checkpoint is None:
        message = f"{card.name} needs a checkpoint; name one."
        raise MissingWeights(message)
    return Sam2(card, build(card.name, checkpoint, device))


class Sam2:
    """A network of the SAM 2 family."""

    def __init__(self, card: Card, network: Any) -> None:
        """Takes a ``Sam2VideoModel`` that is ready for inference."""
        self.card = card
        self._network = network

    def start(self, image: Image) -> "Sam2Session":
        """Encodes a 2-D uint8 image of one to three channels.

        Raises:
            ValueError: the image is not that.
        """
        check_dimension(self.card, image)
        return Sam2Session(self.card, self._network, image)


class Sam2Session:
    """One encoded image."""

    def __init__(self, card: Card, network: Any, image: Image) -> None:
        self._card = card
        self._network = network
        height, width = image.grid
        self._grid = (height, width)
        with torch.inference_mode():
            self._encode(colour(image, card.name))

    def predict(self, prompts: Sequence[Prompt], previous: Prediction | None = None) -> Prediction:
        """The mask for all prompts of one target together; a `MaskPrompt` among them goes before ``previous``."""
        return self.predict_many([prompts], [previous])[0]

    def predict_many(
        self, prompts: Sequence[Sequence[Prompt]], previous: Sequence[Prediction | None] | None = None
    ) -> list[Prediction]:
        """`predict` for many targets on the same image, as few batches as their numbers of points allow.

        Raises:
            ValueError: a target has two boxes, or a prompt of a kind that its card does not have.
        """
        earlier = previous if previous is not None else [None] * len(prompts)
        asked = [self._ask(each, last) for each, last in zip(prompts, earlier, strict=True)]
        answers: dict[int, Prediction] = {}
        at_once = _PROMPTS_AT_ONCE["cuda" if self._embedding.is_cuda else "cpu"]
        for batch in alike([each.kind for each in asked], at_once):
            answers |= zip(batch, self._predict_batch([asked[index] for index in batch]), strict=True)
        return [answers[index] for index in range(len(prompts))]

    def _encode(self, pixels: Array) -> None:
        network = self._network
        device = network.no_memory_embedding.device
        self._side: int = network.prompt_encoder.input_image_size
        image = torch.tensor(pixels, device=device).permute(2, 0, 1)[None].float() / 255
        square = functional.interpolate(image, (self._side, self._side), mode="bilinear", antialias=True)
        mean, deviation = (square.new_tensor(each)[:, None, None] for each in (_MEAN, _DEVIATION))
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            *fine, embedding = network.get_image_embeddings((square - mean) / deviation)
        self._fine = [each.float() for each in fine]
        self._embedding: Tensor = embedding.float()
        self._positions: Tensor = network.get_image_wide_positional_embeddings()

    def _ask(self, prompts: Sequence[Prompt], previous: Prediction | None) -> "_Asked":
        check_prompts(self._card, prompts)
        boxes = [prompt for prompt in prompts if isinstance(prompt, Box)]
        if len(boxes) > 1:
            message = f"{self._card.name} takes one box a target, not {len(boxes)}"
            raise ValueError(message)
        masks = [prompt.logits for prompt in prompts if isinstance(prompt, MaskPrompt)]
        last = previous.memory if previous is not None else None
        clicks = [prompt for prompt in prompts if isinstance(prompt, Click)]
        return _Asked(
            self._scaled([click.at for click in clicks]),
            [int(click.inside) for click in clicks],
            self._scaled([boxes[0].low, tuple(high - 1 for high in boxes[0].high)]) if boxes else None,
            self._shrink(masks[-1]) if masks else last,
        )

    def _scaled(self, places: Sequence[Sequence[float]]) -> list[list[float]]:
        """(y, x) on the image to (x, y) on the network's square."""
        height, width = self._grid
        return [[x * self._side / width, y * self._side / height] for y, x in places]

    def _shrink(self, logits: Logits) -> Tensor:
        """(1, h, w) on the decoder's grid."""
        full = torch.from_numpy(logits.astype(np.float32, copy=False))[None, None]
        small = functional.interpolate(
            full, self._network.prompt_encoder.mask_input_size, mode="bilinear", antialias=True
        )
        return small[0].clamp(-_BOUND, _BOUND).to(self._embedding.device)

    @torch.inference_mode()
    def _predict_batch(self, asked: Sequence["_Asked"]) -> list[Prediction]:
        count, first = len(asked), asked[0]
        sparse, dense = self._embed(asked)
        lone = len(first.labels) == 1 and first.box is None and first.mask is None
        masks, scores, _, _ = self._network.mask_decoder(
            image_embeddings=self._embedding.expand(count, -1, -1, -1),
            image_positional_embeddings=self._positions.expand(count, -1, -1, -1),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=lone,
            high_resolution_features=[each.expand(count, -1, -1, -1) for each in self._fine],
        )
        masks, scores = masks[:, 0], scores[:, 0]
        best = scores.argmax(1)
        rows = torch.arange(count, device=best.device)
        chosen = masks[rows, best]
        full = functional.interpolate(chosen[None], self._grid, mode="bilinear")[0].cpu().numpy()
        kept = chosen.clamp(-_BOUND, _BOUND)
        return [
            Prediction(each, float(score), coarse[None])
            for each, score, coarse in zip(full, scores[rows, best].cpu().tolist(), kept, strict=True)
        ]

    def _embed(self, asked: Sequence["_Asked"]) -> tuple[Tensor, Tensor]:
        """The sparse (b, 1, s, c) and dense embeddings of prompts that are alike; each is an image of its own here."""
        first, device = asked[0], self._embedding.device
        points = labels = boxes = masks = None
        if first.labels:
            points = torch.tensor([each.points for each in asked], device=device)[:, None]
            labels = torch.tensor([each.labels for each in asked], device=device)[:, None]
        if first.box is not None:
            boxes = torch.tensor([each.box for each in asked], device=device).reshape(len(asked), 1, 4)
        if first.mask is not None:
            masks = torch.stack([each.mask for each in asked if each.mask is not None])
        sparse, dense = self._network.prompt_encoder(points, labels, boxes, masks)
        if sparse is None:
            # Nothing but a mask: no tokens, where SAM 2's programs for videos have a point that is none.
            sparse = dense.new_zeros(len(asked), 1, 0, dense.shape[1])
        return sparse, dense


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """The prompts of one target, sorted by kind, on the network's square."""

    points: list[list[float]]
    labels: list[int]
    box: list[list[float]] | None
    """First and last (x, y) inside."""
    mask: Tensor | None
    """(1, h, w) logits on the decoder's grid."""

    @property
    def kind(self) -> tuple[int, bool, bool]:
        """The same for those whose prompts have the same shape and so fit one batch."""
        return len(self.labels), self.box is not None, self.mask is not None
