"""IMIS-lite as a model of imedbench: one 2-D image, clicks, boxes and an earlier mask; sessions can generate masks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baselines.imis_lite.encoder import SIDE, encode, stretched
from baselines.imis_lite.network import MASKS, ImisLite
from baselines.imis_lite.prompts import DRAWN, Prompts
from baselines.imis_lite.scale import PLAIN, Scale
from baselines.sam.batches import alike
from baselines.sam.colour import colour
from baselines.sam.frame import Frame
from baselines.sam.network import lite_medsam
from imedbench.errors import MissingWeights
from imedbench.models.base import Candidates, Card
from imedbench.models.checkpoint import fill, read_checkpoint, read_facts
from imedbench.models.checks import check_dimension, check_prompts
from imedbench.types import Box, Click, Image, MaskPrompt, Prediction, Prompt

_OFFSET = 1.0
"""Logits to either side of a mask's border, as segment_anything has it."""
# More leave the cache and take longer each.
_PROMPTS_AT_ONCE = {"cpu": 8, "cuda": 256}


def load(card: Card, checkpoint: Path | None, device: str) -> "LiteModel":
    """The model of this card with the weights in ``checkpoint``.

    Raises:
        MissingWeights: there are none, or they do not fit.
    """
    if checkpoint is None:
        message = f"{card.name} needs a checkpoint; name one."
        raise MissingWeights(message)
    network = ImisLite()
    state = {name: value.float() for name, value in read_checkpoint(checkpoint, card.name).items()}
    fill(network, state, checkpoint, card.name)
    network.eval().requires_grad_(False).to(device)  # noqa: FBT003 - torch's own signature
    return LiteModel(card, lite_medsam().image_encoder.to(device), network, Scale.read(read_facts(checkpoint)))


class LiteModel:
    """LiteMedSAM's image encoder with our decoder."""

    def __init__(self, card: Card, encoder: Any, network: ImisLite, scale: Scale = PLAIN) -> None:
        """Takes parts that are ready for inference, on one device, and what scores are worth where a grid asks."""
        self.card = card
        self._encoder, self._network, self._scale = encoder, network, scale

    def start(self, image: Image) -> "LiteSession":
        """Encodes a 2-D uint8 image of one to three channels.

        Raises:
            ValueError: the image is not that.
        """
        check_dimension(self.card, image)
        pixels = stretched(colour(image, self.card.name))
        return LiteSession(self.card, (self._encoder, self._network, self._scale), pixels)


class LiteSession:
    """One encoded image."""

    def __init__(self, card: Card, parts: tuple[Any, ImisLite, Scale], pixels: NDArray[np.uint8]) -> None:
        """Encodes an (h, w, 3) image with encoder, network and scale."""
        encoder, network, self._scale = parts
        self._card, self._network = card, network
        self._device = network.places.device
        self._frame = Frame((pixels.shape[0], pixels.shape[1]), SIDE, DRAWN, "lite")
        height, width = self._frame.filled
        square = np.zeros((1, SIDE, SIDE, 3), np.uint8)
        square[0, :height, :width] = self._frame.fit(pixels)
        with torch.inference_mode():
            features = encode(
                encoder,
                torch.from_numpy(square).to(self._device),
                (height, width),
                brief=self._device.type == "cuda",
            )
            self._maps = network.see(features)
        self._ranks = torch.arange(MASKS, device=self._device)

    def predict(self, prompts: Sequence[Prompt], previous: Prediction | None = None) -> Prediction:
        """The mask for all prompts of one target together; a `MaskPrompt` among them goes before ``previous``."""
        return self.predict_many([prompts], [previous])[0]

    @torch.inference_mode()
    def predict_many(
        self, prompts: Sequence[Sequence[Prompt]], previous: Sequence[Prediction | None] | None = None
    ) -> list[Prediction]:
        """`predict` for many targets on the same image, as few batches as their numbers of points allow.

        Raises:
            ValueError: a target has two boxes, or a prompt of a kind that its card does not have.
        """
        earlier = previous if previous is not None else [None] * len(prompts)
        asked = [self._ask(each, last) for each, last in zip(prompts, earlier, strict=True)]
        predictions: dict[int, Prediction] = {}
        for batch in alike([each.kind for each in asked], self._at_once):
            answers = self._network.decode(self._maps, self._given([asked[index] for index in batch]))
            coarse, scores = answers.logits[:, 0], answers.scores[:, 0].cpu().tolist()
            full = self._frame.enlarge(coarse).cpu().numpy()
            predictions |= zip(batch, map(Prediction, full, scores, coarse), strict=True)
        return [predictions[index] for index in range(len(prompts))]

    @torch.inference_mode()
    def propose(self, prompts: Sequence[Click | Box], least_score: float) -> Candidates:
        """All masks of each lone prompt that are worth more than ``least_score``.

        A mask's worth is its predicted IoU times its stability, on the scale that comes with the weights.

        A click is answered by four masks, the user's and what else it may mean; a box by one.
        """
        logits: list[Tensor] = [self._maps.tokens.new_zeros(0, DRAWN, DRAWN)]
        scores: list[Tensor] = [self._maps.tokens.new_zeros(0)]
        owners: list[Tensor] = [torch.zeros(0, dtype=torch.int64, device=self._device)]
        for kind, outputs in ((Click, MASKS), (Box, 1)):
            members = [index for index, prompt in enumerate(prompts) if isinstance(prompt, kind)]
            for start in range(0, len(members), self._at_once):
                batch = members[start : start + self._at_once]
                sketch = self._network.sketch(self._maps, self._given([self._ask([prompts[i]], None) for i in batch]))
                # No mask is worth more than it would be if it were stable.
                passed = (self._scale.of(sketch.scores) > least_score) & (self._ranks < outputs)
                finished = self._network.finish(self._maps, sketch, passed)
                worth = self._scale.of(sketch.scores[passed] * _stability(finished))
                kept = worth > least_score
                logits.append(finished[kept])
                scores.append(worth[kept])
                owners.append(torch.tensor(batch, device=self._device)[:, None].expand_as(passed)[passed][kept])
        return Candidates(torch.cat(logits), torch.cat(scores), torch.cat(owners))

    @torch.inference_mode()
    def enlarge(self, logits: Tensor) -> Tensor:
        """(k, 256, 256) on the decoder's grid to (k, height, width) on the image's, both logits."""
        return self._frame.enlarge(logits)

    @property
    def _at_once(self) -> int:
        return _PROMPTS_AT_ONCE[self._device.type]

    def _ask(self, prompts: Sequence[Prompt], previous: Prediction | None) -> "_Asked":
        check_prompts(self._card, prompts)
        boxes = [prompt for prompt in prompts if isinstance(prompt, Box)]
        if len(boxes) > 1:
            message = f"{self._card.name} takes one box a target, not {len(boxes)}"
            raise ValueError(message)
        masks = [prompt.logits for prompt in prompts if isinstance(prompt, MaskPrompt)]
        last: Tensor | None = previous.memory if previous is not None else None
        return _Asked(
            tuple(prompt for prompt in prompts if isinstance(prompt, Click)),
            boxes[0] if boxes else None,
            self._frame.shrink(masks[-1])[0].to(self._device) if masks else last,
        )

    def _given(self, asked: Sequence["_Asked"]) -> Prompts:
        """The prompts of targets that are alike, as the network wants them."""
        first, factor = asked[0], self._frame.factors[0]
        clicks = boxes = masks = None
        if first.clicks:
            places, inside = self._frame.points([each.clicks for each in asked])
            # The frame scales from the centre of the first pixel; pixels have a width on both sides.
            clicks = (places + (factor - 1) / 2).float().to(self._device), inside.to(self._device)
        if first.box is not None:
            corners = self._frame.boxes([each.box for each in asked if each.box])
            boxes = _on_the_square(corners, factor).float().to(self._device)
        if first.mask is not None:
            masks = torch.stack([each.mask for each in asked if each.mask is not None])
        return Prompts.of(clicks, boxes, masks)


def _stability(logits: Tensor) -> Tensor:
    """(k,): the area of masks (k, h, w) cut well above their border as a share of that cut well below."""
    narrow, wide = (logits > level for level in (_OFFSET, -_OFFSET))
    return narrow.flatten(1).sum(1) / wide.flatten(1).sum(1).clamp(min=1)


def _on_the_square(corners: Tensor, factor: float) -> Tensor:
    """(b, 4) first and last pixels inside on the square, from those of the image scaled by their upper left corners."""
    first, last = corners[:, :2], corners[:, 2:] + (factor - 1)
    # What is narrower than a pixel is one pixel.
    middle = (first + last) / 2
    return torch.cat([torch.minimum(first, middle), torch.maximum(last, middle)], 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """The prompts of one target, sorted by kind."""

    clicks: tuple[Click, ...]
    box: Box | None
    mask: Tensor | None
    """(256, 256) logits on the decoder's grid."""

    @property
    def kind(self) -> tuple[int, bool, bool]:
        """Targets of one kind fit one batch without padding."""
        return len(self.clicks), self.box is not None, self.mask is not None
