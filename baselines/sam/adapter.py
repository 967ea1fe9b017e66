"""Networks of the SAM family as models of imedbench: one 2-D image, clicks, boxes and an earlier mask."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baselines.sam.batches import alike
from baselines.sam.colour import colour
from baselines.sam.decoder import Decoded, ImageDecoder
from baselines.sam.frame import Frame
from baselines.sam.network import Network, build
from imedbench.errors import MissingWeights
from imedbench.models.base import Candidates, Card
from imedbench.models.checks import check_dimension, check_prompts
from imedbench.types import Box, Click, Image, MaskPrompt, Prediction, Prompt

# Four prompts' keys are 16 MB: more leave the cache and take longer each.
_PROMPTS_AT_ONCE = {"cpu": 4, "cuda": 128}


def load(card: Card, checkpoint: Path | None, device: str) -> "SamModel":
    """The model of this card with the weights in ``checkpoint``."""
    if checkpoint is None:
        message = f"{card.name} needs a checkpoint; name one."
        raise MissingWeights(message)
    return SamModel(card, build(card.name, checkpoint, device))


class SamModel:
    """A network of the SAM family; its sessions can generate masks."""

    def __init__(self, card: Card, network: Network) -> None:
        self.card = card
        self._network = network

    def start(self, image: Image) -> "SamSession":
        """Encodes a 2-D uint8 image of one to three channels.

        Raises:
            ValueError: the image is not that.
        """
        check_dimension(self.card, image)
        return SamSession(self.card, self._network, colour(image, self.card.name))


class SamSession:
    """One encoded image."""

    def __init__(self, card: Card, network: Network, pixels: NDArray[np.uint8]) -> None:
        """Encodes an (h, w, 3) image."""
        self._card = card
        self._network = network
        self._frame: Frame = network.frame((pixels.shape[0], pixels.shape[1]))
        with torch.inference_mode():
            self._embedding = network.embed(pixels, self._frame)
            self._positions = network.prompt_encoder.get_dense_pe()
            self._decoder = ImageDecoder(
                network.mask_decoder, self._embedding, self._positions, network.prompt_encoder.no_mask_embed.weight
            )

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
        for each in prompts:
            check_prompts(self._card, each)
        earlier = previous if previous is not None else [None] * len(prompts)
        asked = [self._ask(each, last) for each, last in zip(prompts, earlier, strict=True)]
        predictions: dict[int, Prediction] = {}
        for batch in alike([each.kind for each in asked], self._at_once):
            predictions |= zip(batch, self._predict_batch([asked[index] for index in batch]), strict=True)
        return [predictions[index] for index in range(len(prompts))]

    @torch.inference_mode()
    def propose(self, prompts: Sequence[Click | Box], least_score: float) -> Candidates:
        """All candidate masks of each lone prompt whose predicted IoU is above ``least_score``.

        A click asks for the three masks of an ambiguous prompt where the network was trained for them, a box for one.
        """
        parts: list[Decoded] = []
        indices: list[Tensor] = []
        for kind in (Click, Box):
            members = [index for index, prompt in enumerate(prompts) if isinstance(prompt, kind)]
            for start in range(0, len(members), self._at_once):
                batch = members[start : start + self._at_once]
                asked = [self._ask([prompts[index]], None) for index in batch]
                decoded = self._decoder.decode(self._sparse(asked)[0], self._outputs(asked[0]), least_score)
                parts.append(decoded)
                indices.append(torch.tensor(batch, device=decoded.prompt.device)[decoded.prompt])
        if not parts:
            nothing = self._embedding.new_zeros
            return Candidates(nothing(0, self._frame.coarse, self._frame.coarse), nothing(0), nothing(0).long())
        return Candidates(
            torch.cat([part.logits for part in parts]), torch.cat([part.scores for part in parts]), torch.cat(indices)
        )

    @torch.inference_mode()
    def enlarge(self, logits: Tensor) -> Tensor:
        """(k, h, w) on the decoder's grid to (k, height, width) on the image's, both logits."""
        return self._frame.enlarge(logits)

    @property
    def _at_once(self) -> int:
        return _PROMPTS_AT_ONCE["cuda" if self._embedding.is_cuda else "cpu"]

    def _ask(self, prompts: Sequence[Prompt], previous: Prediction | None) -> "_Asked":
        boxes = [prompt for prompt in prompts if isinstance(prompt, Box)]
        if len(boxes) > 1:
            message = f"{self._card.name} takes one box a target, not {len(boxes)}"
            raise ValueError(message)
        masks = [prompt.logits for prompt in prompts if isinstance(prompt, MaskPrompt)]
        last = previous.memory if previous is not None else None
        return _Asked(
            tuple(prompt for prompt in prompts if isinstance(prompt, Click)),
            boxes[0] if boxes else None,
            self._frame.shrink(masks[-1]).to(self._embedding.device) if masks else last,
        )

    def _outputs(self, asked: "_Asked") -> tuple[int, ...]:
        """Which of the decoder's four masks answer: SAM trains the last three for a single click, the first else."""
        if self._network.several:
            return 1, 2, 3
        lone = len(asked.clicks) == 1 and asked.box is None and asked.mask is None
        return (1, 2, 3) if lone and self._network.ambiguous else (0,)

    def _sparse(self, asked: Sequence["_Asked"]) -> tuple[Tensor, Tensor]:
        """The prompt encoder's sparse and dense embeddings of prompts that are alike."""
        device = self._embedding.device
        first = asked[0]
        points = self._frame.points([each.clicks for each in asked]) if first.clicks else None
        boxes = self._frame.boxes([each.box for each in asked if each.box]) if first.box else None
        masks = torch.stack([each.mask for each in asked if each.mask is not None]) if first.mask is not None else None
        sparse, dense = self._network.prompt_encoder(
            points=None if points is None else tuple(each.to(device) for each in points),
            boxes=None if boxes is None else boxes.to(device),
            masks=masks,
        )
        return sparse.float(), dense

    @torch.inference_mode()
    def _predict_batch(self, asked: Sequence["_Asked"]) -> list[Prediction]:
        sparse, dense = self._sparse(asked)
        outputs = self._outputs(asked[0])
        if asked[0].mask is None:
            decoded = self._decoder.decode(sparse, outputs, -torch.inf)
            logits, scores = (
                each.view(len(asked), len(outputs), *each.shape[1:]) for each in (decoded.logits, decoded.scores)
            )
        else:
            # With a mask prompt the first layer is no longer shared; the network's own decoder does it.
            logits, scores = self._network.mask_decoder(
                image_embeddings=self._embedding,
                image_pe=self._positions,
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=len(outputs) > 1,
            )
        best = scores.argmax(1)
        rows = torch.arange(len(asked), device=best.device)
        chosen = logits[rows, best]
        full = self._frame.enlarge(chosen).cpu().numpy()
        return [
            Prediction(each, float(score), coarse[None])
            for each, score, coarse in zip(full, scores[rows, best].cpu().tolist(), chosen, strict=True)
        ]


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """The prompts of one target, sorted by kind."""

    clicks: tuple[Click, ...]
    box: Box | None
    mask: Tensor | None
    """(1, h, w) logits on the decoder's grid."""

    @property
    def kind(self) -> tuple[int, bool, bool]:
        """The same for those whose prompts have the same shape and so fit one batch."""
        return len(self.clicks), self.box is not None, self.mask is not None
