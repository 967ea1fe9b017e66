"""IMIS-Net as a model of imedbench: one 2-D image; clicks, a box, a text and an earlier mask, alone or together.

As the released code's own inference: the image is stretched over the network's square, and each target is answered by
the mask, of three, with the highest predicted IoU.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baselines.imis_net.checkpoint import load_checkpoint
from baselines.imis_net.course import FACT, Network
from baselines.imis_net.image import encode
from baselines.imis_net.network import Geometry, ImisNet
from baselines.imis_net.prompts import Given
from baselines.imis_net.settings import Resize, read_settings
from baselines.imis_net.tokens import tokenize
from baselines.imis_net.vocabulary import sentence
from baselines.sam.batches import alike
from baselines.sam.colour import colour
from baselines.sam.frame import Frame
from imedbench.errors import MissingWeights
from imedbench.models.base import Card
from imedbench.models.checkpoint import read_facts
from imedbench.models.checks import check_dimension, check_prompts
from imedbench.store.scaling import scale_picture
from imedbench.types import Box, Click, Image, MaskPrompt, Prediction, Prompt, Text

GEOMETRY = Geometry()

_PROMPTS_AT_ONCE = {"cpu": 4, "cuda": 32}
# segment_anything's, on pixels of 0 to 255
_MEAN = (123.675, 116.28, 103.53)
_DEVIATION = (58.395, 57.12, 57.375)


def load(card: Card, checkpoint: Path | None, device: str) -> "ImisModel":
    """The model of this card with the weights in ``checkpoint``.

    Weights that `imedbench train` wrote say how they are to be fed; all others are fed as the released code does it.

    Raises:
        MissingWeights: there is none, or it does not fit.
    """
    if checkpoint is None:
        message = f"{card.name} needs a checkpoint; name one."
        raise MissingWeights(message)
    described = read_facts(checkpoint).get(FACT)
    if described is None:
        network = ImisNet(GEOMETRY, read_settings("released"))
    else:
        trained = Network.model_validate_json(described)
        network = ImisNet(trained.geometry, trained.settings)
    load_checkpoint(network, checkpoint, card.name)
    return ImisModel(card, network.eval().requires_grad_(False).to(device))  # noqa: FBT003 - torch's own signature


class ImisModel:
    """An IMIS-Net."""

    def __init__(self, card: Card, network: ImisNet) -> None:
        """Takes a network that is ready for inference."""
        self.card = card
        self._network = network

    def start(self, image: Image) -> "ImisSession":
        """Encodes a 2-D uint8 image of one to three channels.

        Raises:
            ValueError: the image is not that.
        """
        check_dimension(self.card, image)
        return ImisSession(self.card, self._network, colour(image, self.card.name))


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """What a session keeps of an answer."""

    logits: Tensor
    """(1, 4 g, 4 g): the mask prompt of the target's next turn."""
    meaning: Tensor
    """(512,): what the network takes the target for, in the space of CLIP's texts."""


class ImisSession:
    """One encoded image."""

    def __init__(self, card: Card, network: ImisNet, pixels: NDArray[np.uint8]) -> None:
        """Encodes an (h, w, 3) image."""
        self._card = card
        self._network = network
        settings = network.settings
        self._frame = Frame((pixels.shape[0], pixels.shape[1]), settings.side, 4 * settings.grid, "med2d")
        device = network.text_out_dim.weight.device
        with torch.inference_mode():
            square = stretch(pixels, settings.side, settings.resize).to(device)
            self._embedding = encode(network.image_encoder, normalise(square))
            self._places = network.prompt_encoder.places()

    def predict(self, prompts: Sequence[Prompt], previous: Prediction | None = None) -> Prediction:
        """The mask for all prompts of one target together; a `MaskPrompt` among them goes before ``previous``."""
        return self.predict_many([prompts], [previous])[0]

    def predict_many(
        self, prompts: Sequence[Sequence[Prompt]], previous: Sequence[Prediction | None] | None = None
    ) -> list[Prediction]:
        """`predict` for many targets on the same image, as few batches as their numbers of points allow.

        Raises:
            ValueError: a target has two boxes or two texts, or a prompt of a kind that its card does not have.
        """
        earlier = previous if previous is not None else [None] * len(prompts)
        asked = [self._ask(each, last) for each, last in zip(prompts, earlier, strict=True)]
        described = self._describe([each.text for each in asked if each.text is not None])
        answers: dict[int, Prediction] = {}
        at_once = _PROMPTS_AT_ONCE["cuda" if self._embedding.is_cuda else "cpu"]
        for members in alike([each.kind for each in asked], at_once):
            answers |= zip(members, self._answer([asked[index] for index in members], described), strict=True)
        return [answers[index] for index in range(len(prompts))]

    def _ask(self, prompts: Sequence[Prompt], previous: Prediction | None) -> "_Asked":
        check_prompts(self._card, prompts)
        boxes = [prompt for prompt in prompts if isinstance(prompt, Box)]
        texts = [prompt.words for prompt in prompts if isinstance(prompt, Text)]
        for kind, found in (("box", boxes), ("text", texts)):
            if len(found) > 1:
                message = f"{self._card.name} takes one {kind} a target, not {len(found)}"
                raise ValueError(message)
        masks = [prompt.logits for prompt in prompts if isinstance(prompt, MaskPrompt)]
        memory: Memory | None = previous.memory if previous is not None else None
        last = memory.logits if memory is not None else None
        return _Asked(
            tuple(prompt for prompt in prompts if isinstance(prompt, Click)),
            boxes[0] if boxes else None,
            sentence(texts[0], self._network.settings.spelling) if texts else None,
            self._frame.shrink(masks[-1]).to(self._embedding.device) if masks else last,
        )

    @torch.inference_mode()
    def _describe(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """(c,) of each text, encoded once."""
        distinct = list(dict.fromkeys(texts))
        if not distinct:
            return {}
        tokens = tokenize(distinct).to(self._embedding.device)
        return dict(zip(distinct, self._network.describe(tokens), strict=True))

    @torch.inference_mode()
    def _answer(self, asked: Sequence["_Asked"], described: dict[str, Tensor]) -> list[Prediction]:
        chosen = self._network(self._embedding, self._places, self._given(asked, described)).best()
        full = self._frame.enlarge(chosen.logits).cpu().numpy()
        kept = map(Memory, chosen.logits[:, None], chosen.meanings)
        return list(map(Prediction, full, chosen.scores.cpu().tolist(), kept))

    def _given(self, asked: Sequence["_Asked"], described: dict[str, Tensor]) -> Given:
        """The prompts of targets that are alike, as the network wants them."""
        first, device = asked[0], self._embedding.device
        points = labels = boxes = text = masks = None
        if first.clicks:
            places, inside = self._frame.points([each.clicks for each in asked])
            points, labels = places.float().to(device), inside.to(device)
        if first.box is not None:
            corners = [_corners(each.box) for each in asked if each.box is not None]
            boxes = self._frame.points(corners)[0].float().to(device)
        if first.text is not None:
            text = torch.stack([described[each.text] for each in asked if each.text is not None])
        if first.mask is not None:
            masks = torch.stack([each.mask for each in asked if each.mask is not None])
        return Given(len(asked), points, labels, boxes, text, masks)


def stretch(pixels: NDArray[np.uint8], side: int, resize: Resize) -> Tensor:
    """(h, w, 3) over (1, 3, side, side), as float32 of 0 to 255; as training does it."""
    scaled = scale_picture(pixels, side, "nearest" if resize == "nearest" else "linear")
    return torch.from_numpy(scaled).permute(2, 0, 1)[None].float()


def normalise(square: Tensor) -> Tensor:
    """What the image encoder wants of pixels of 0 to 255."""
    mean, deviation = (square.new_tensor(each)[:, None, None] for each in (_MEAN, _DEVIATION))
    return (square - mean) / deviation


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """The prompts of one target, sorted by kind."""

    clicks: tuple[Click, ...]
    box: Box | None
    text: str | None
    """As the network is told it."""
    mask: Tensor | None
    """(1, h, w) logits on the decoder's grid."""

    @property
    def kind(self) -> tuple[int, bool, bool, bool]:
        """Targets of one kind fit one batch."""
        return len(self.clicks), self.box is not None, self.text is not None, self.mask is not None


def _corners(box: Box) -> tuple[Click, Click]:
    """The first and last pixel inside."""
    return Click(box.low), Click(tuple(high - 1 for high in box.high))
