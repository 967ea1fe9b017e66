"""PRISM as a model of imedbench: volumes; clicks, a box, scribbles and an earlier mask, alone or together.

Prompts of a turn meet the image and the last answer; the correction also sees where all clicks and strokes of earlier
turns were. A target is looked for in cubes around its prompts (`said.py`), each encoded once an image.
"""

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import affine_transform
from torch import Tensor

from baselines.prism.checkpoint import load_checkpoint
from baselines.prism.cubes import Corner, cut, overlap
from baselines.prism.intake import PUBLISHED, Intake, Scaling, Voxels
from baselines.prism.network import Prism, Seen
from baselines.prism.prompts import Prompts
from baselines.prism.said import Said, Voxel, cubes
from baselines.prism.settings import Settings
from baselines.prism.training import INTAKE, SETTINGS
from baselines.prism.user import marked
from baselines.sam.batches import alike
from imedbench.errors import MissingWeights
from imedbench.models.base import Card
from imedbench.models.checkpoint import read_facts
from imedbench.models.checks import check_dimension, check_prompts
from imedbench.types import Image, Logits, MaskPrompt, Prediction, Prompt

_CROPPED = "-oracle-crop"
OUTSIDE = -20.0
"""The logits of what no cube holds."""
_KEPT = {"cpu": 4 * 2**30, "cuda": 16 * 2**30}
"""Bytes of an image's features that are kept; a cube of 128 takes about 0.4 GB, half of it in bfloat16."""
_AT_ONCE = {"cpu": 1, "cuda": 4}


def load(card: Card, checkpoint: Path | None, device: str) -> "PrismModel":
    """The model of this card with the weights in ``checkpoint``.

    Weights that `imedbench train` wrote say how they are built and fed; published ones, as the card's data set.

    Raises:
        MissingWeights: there is none, or it does not fit.
    """
    if checkpoint is None:
        message = f"{card.name} needs a checkpoint: one that `imedbench train prism` wrote; name it with --checkpoint."
        raise MissingWeights(message)
    facts = read_facts(checkpoint)
    settings = Settings(**json.loads(facts[SETTINGS])) if SETTINGS in facts else Settings()
    intake = Intake(**json.loads(facts[INTAKE])) if INTAKE in facts else _published(card, checkpoint)
    network = Prism(settings)
    load_checkpoint(network, checkpoint, card.name)
    network.eval().requires_grad_(False)  # noqa: FBT003 - torch's own signature
    network.to(device).to(memory_format=torch.channels_last_3d)
    return PrismModel(card, network, intake)


def _published(card: Card, checkpoint: Path) -> Intake:
    """As the authors fed the network on the card's data set."""
    end = _CROPPED if card.name.endswith(_CROPPED) else ""
    name = card.name.removeprefix("prism-").removesuffix(end)
    if name not in PUBLISHED:
        known = ", ".join(f"prism-{each}{end}" for each in PUBLISHED)
        message = (
            f"{checkpoint}: does not say how it is fed, so it is one of the authors' weights, each for one data set; "
            f"name the model of that set: {known}."
        )
        raise MissingWeights(message)
    return PUBLISHED[name]


class PrismModel:
    """A PRISM, and how volumes come to it."""

    def __init__(self, card: Card, network: Prism, intake: Intake) -> None:
        """Takes a network that is ready for inference."""
        self.card = card
        self._network, self._intake = network, intake

    def start(self, image: Image) -> "PrismSession":
        """Brings a volume to the network's spacing; of several channels the first is looked at.

        Raises:
            ValueError: it is no volume.
        """
        check_dimension(self.card, image)
        return PrismSession(self.card, self._network, self._intake, image=image)


@dataclass(frozen=True, slots=True, eq=False)
class Cube:
    """What is kept of an answer in one cube."""

    logits: Tensor
    """(1, S, S, S)"""
    said: Tensor
    """(2, S, S, S) bool: where clicks and strokes were, inside and outside."""
    score: float
    """Predicted Dice."""


Memory = dict[Corner, Cube]
"""Of a target."""


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """What is asked in one cube for one target."""

    target: int
    corner: Corner
    said: Said
    last: Cube

    @property
    def kind(self) -> tuple[int, bool]:
        """Those of one kind fit one batch."""
        return len(self.said.places), self.said.box is not None


class PrismSession:
    """One volume; its cubes are encoded when they are first asked about."""

    def __init__(self, card: Card, network: Prism, intake: Intake, *, image: Image) -> None:
        self._card, self._network = card, network
        self._size, self._device = network.settings.size, network.prompt_encoder.iou_token.weight.device
        self._scaling = Scaling.to_spacing(image, intake.spacing_mm)
        voxels = image.voxels if image.voxels.ndim == len(image.grid) else image.voxels[..., 0]
        self._voxels: Voxels
        self._voxels, self._beyond = intake.normalise(self._scaling.down(voxels))
        self._seen: OrderedDict[Corner, Seen] = OrderedDict()

    def predict(self, prompts: Sequence[Prompt], previous: Prediction | None = None) -> Prediction:
        """The mask for all prompts of one target together; a `MaskPrompt` among them goes before ``previous``."""
        return self.predict_many([prompts], [previous])[0]

    @torch.inference_mode()
    def predict_many(
        self, prompts: Sequence[Sequence[Prompt]], previous: Sequence[Prediction | None] | None = None
    ) -> list[Prediction]:
        """`predict` for many targets on the same volume.

        Raises:
            ValueError: a target has two boxes, a prompt outside the volume, or one of a kind that the card lacks.
        """
        earlier = previous if previous is not None else [None] * len(prompts)
        memories: list[Memory] = []
        asked: list[_Asked] = []
        for target, (given, last) in enumerate(zip(prompts, earlier, strict=True)):
            memory: Memory = {} if last is None else dict(last.memory)
            asked += self._ask(target, given, memory)
            memories.append(memory)
        for batch in alike([(each.corner, *each.kind) for each in asked], _AT_ONCE[self._device.type]):
            members = [asked[index] for index in batch]
            for each, answer in zip(members, self._answer(members), strict=True):
                memories[each.target][each.corner] = answer
        return [self._predict(memory) for memory in memories]

    def _ask(self, target: int, prompts: Sequence[Prompt], memory: Memory) -> list[_Asked]:
        """What is asked in which cubes; those that are new begin in ``memory``."""
        check_prompts(self._card, prompts)
        given, crop = list(prompts), None
        if self._card.sees_truth and given and isinstance(given[-1], MaskPrompt):
            crop = given.pop()
        said = Said.of(given, self._scaling)
        where = said if crop is None else Said.of([crop], self._scaling)
        asked = []
        for corner in cubes(where, list(memory), self._voxels.shape, self._size):
            here = said.within(corner, self._size)
            last = memory.setdefault(corner, self._blank())
            if said.mask is not None:
                last = self._from_mask(said.mask, corner, last)
            if len(here.places) or here.box is not None or said.mask is not None:
                asked.append(_Asked(target, corner, here, last))
        return asked

    def _blank(self) -> Cube:
        shape = (self._size,) * 3
        said = torch.zeros((2, *shape), dtype=torch.bool, device=self._device)
        return Cube(torch.zeros((1, *shape), device=self._device), said, 0.0)

    def _from_mask(self, mask: Logits, corner: Corner, last: Cube) -> Cube:
        """A mask that the user gives instead of the last answer; what was clicked before stays known."""
        logits = cut(mask, corner, self._size, beyond=OUTSIDE)
        return Cube(_turned(logits).to(self._device), last.said, 0.0)

    def _answer(self, asked: Sequence[_Asked]) -> list[Cube]:
        """Of a batch in the same cube."""
        count = len(asked)
        seen = self._see(asked[0].corner)
        places = np.stack([each.said.places[:, ::-1] for each in asked])
        labels = np.stack([each.said.inside for each in asked]).astype(np.int64)
        given = torch.from_numpy(places).to(self._device), torch.from_numpy(labels).to(self._device)
        boxes = None
        if asked[0].said.box is not None:
            corners = [each.said.box[:, ::-1].ravel() for each in asked if each.said.box is not None]
            boxes = torch.from_numpy(np.stack(corners)).to(self._device)
        said = marked(torch.stack([each.last.said for each in asked]), given)
        previous = torch.stack([each.last.logits for each in asked])
        shared = Seen(
            seen.image.expand(count, -1, -1, -1, -1),
            seen.coarse.expand(count, -1, -1, -1, -1),
            tuple(each._replace(skip=each.skip.expand(count, -1, -1, -1, -1)) for each in seen.prepared),
        )
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda"):
            answer = self._network(shared, Prompts(*given, boxes, previous), said)
        scores = answer.score.float().tolist()
        return [Cube(*each) for each in zip(answer.logits.float(), said, scores, strict=True)]

    def _see(self, corner: Corner) -> Seen:
        """What is made of a cube once."""
        if corner not in self._seen:
            pixels = _turned(cut(self._voxels, corner, self._size, beyond=self._beyond)).to(self._device)
            with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda"):
                self._seen[corner] = self._network.see(pixels[None])
            while len(self._seen) > 1 and sum(map(size_of, self._seen.values())) > _KEPT[self._device.type]:
                self._seen.popitem(last=False)
        self._seen.move_to_end(corner)
        return self._seen[corner]

    def _predict(self, memory: Memory) -> Prediction:
        """All cubes of a target together; where they share voxels the mean of their logits."""
        full = np.full(self._scaling.grid, OUTSIDE, np.float32)
        if memory:
            corners = np.array(list(memory))
            low = corners.min(0).clip(0)
            high = (corners.max(0) + self._size).clip(max=self._voxels.shape)
            sums, counts = np.zeros((2, *(high - low)), np.float32)
            for corner, cube in memory.items():
                there, part = overlap(_less(corner, low), sums.shape, self._size)
                sums[part] += cube.logits[0].permute(2, 1, 0).cpu().numpy()[there]
                counts[part] += 1
            found = np.where(counts > 0, sums / np.maximum(counts, 1), np.float32(OUTSIDE))
            _write(full, found, low, self._scaling)
        score = float(np.mean([cube.score for cube in memory.values()])) if memory else 0.0
        # Dice to IoU.
        return Prediction(full, score / (2 - score), memory)


def size_of(seen: Seen) -> int:
    """Bytes of what is kept of a cube."""
    return sum(each.nbytes for each in (seen.image, seen.coarse, *(part for scale in seen.prepared for part in scale)))


def _turned(cube: Voxels) -> Tensor:
    """(z, y, x) to (1, x, y, z)."""
    return torch.from_numpy(np.ascontiguousarray(cube.transpose(2, 1, 0)))[None]


def _less(corner: Corner, low: Voxel) -> Corner:
    z, y, x = (int(first - least) for first, least in zip(corner, low, strict=True))
    return z, y, x


def _write(full: Logits, found: Logits, low: Voxel, scaling: Scaling) -> None:
    """Puts a part of the network's grid, from ``low`` on, where it belongs on the image's."""
    factors = np.array(scaling.factors)
    first = np.ceil(low / factors - 1e-6).astype(int)
    last = np.floor((low + found.shape - 1) / factors + 1e-6).astype(int)
    # Beyond the last centres the volume goes on for half a voxel.
    last = np.where(low + found.shape == scaling.scaled, np.array(scaling.grid) - 1, last)
    last = np.minimum(last, np.array(scaling.grid) - 1)
    shape = last - first + 1
    if (shape <= 0).any():
        return
    part = found
    if not scaling.is_same:
        part = affine_transform(found, factors, first * factors - low, tuple(shape), order=1, mode="nearest")
    full[tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))] = part
