"""IMIS-Net in training: simulated sessions on truth and interactive masks (arXiv 2411.12814, section 4.2).

Where the paper is silent, as the released script does it: kinds of prompts are drawn for a step at a time, a correction
round gives new clicks and the mask of the round before, and in two rounds a truth is corrected by its text alone.
"""

import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from baselines.imis_net.adapter import normalise
from baselines.imis_net.course import FACT, ImisCourse
from baselines.imis_net.image import encode_body
from baselines.imis_net.objective import judge
from baselines.imis_net.prompts import Given
from baselines.imis_net.start import start
from baselines.imis_net.tokens import tokenize
from baselines.imis_net.vocabulary import sentence
from baselines.training.cache import FeatureCache, digest_of_weights, rounded
from baselines.training.clicks import clicks_in, corrections
from baselines.training.order import Place
from baselines.training.trainee import Chance, Losses, Samples, Subject
from imedbench.evaluate.data import digest_of
from imedbench.store import Store
from imedbench.store.loader import Batch, InteractiveDataset, Sample, SampleSettings, collate

NAME = "imis-net"
SPLIT = "train"


class Images(NamedTuple):
    """Samples side by side, and what the cache holds of them."""

    batch: Batch
    names: tuple[str, ...]
    """Of each sample's picture as it is met here, for the cache; empty without one."""
    draws: Tensor
    """(b, 2): factor and offset of the intensities."""
    features: tuple[Tensor | None, ...]
    """(g, g, c) of each sample, where the cache has it."""


class ImisSamples(Samples):
    """The pictures of several stores, with truth and interactive masks."""

    def __init__(self, stores: Sequence[Store], course: ImisCourse, cache: FeatureCache | None) -> None:
        """Reads the stores' indexes.

        Raises:
            BadStore: a store has no picture to learn from.
        """
        network, data = course.network, course.data
        settings = SampleSettings(
            network.settings.side,
            data.truth,
            data.interactive,
            split=SPLIT,
            seed=course.loop.seed,
            box_jitter=course.session.box_jitter,
            interpolation="nearest" if network.settings.resize == "nearest" else "linear",
        )
        self._parts = [InteractiveDataset(store, settings) for store in stores]
        self._ends = list(accumulate(map(len, self._parts)))
        self._course, self._cache = course, cache
        # A store that was built anew has other features.
        self._digests = [digest_of(store) for store in stores]

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, place: Place) -> tuple[str, Sample, Tensor, Tensor | None]:
        """The picture's name in the cache, the sample, factor and offset of its intensities, its features if known."""
        part = bisect_right(self._ends, place.sample)
        dataset = self._parts[part]
        sample = dataset[place.epoch, place.sample - (self._ends[part] - len(dataset))]
        variants = self._course.data.variants
        variant = place.epoch % variants if variants else place.epoch
        name = f"{self._digests[part]}/{sample.case}/{variant}"
        # What is drawn belongs to the name, so that runs on other stores can share what is kept under it.
        rng = np.random.default_rng([self._course.loop.seed, 1, zlib.crc32(name.encode())])
        draws = torch.from_numpy(self._intensities(rng))
        if self._cache is None:
            return "", sample, draws, None
        found = self._cache.load(name)
        return name, sample, draws, None if found is None else found["body"]

    def _intensities(self, rng: np.random.Generator) -> Any:
        """(2,) float32: factor and offset; 1 and 0 where they stay."""
        data = self._course.data
        change = rng.uniform(-data.intensity_range, data.intensity_range, 2)
        change *= rng.random(2) < data.intensity_chance
        return (change + np.array([1, 0])).astype(np.float32)

    def collate(self, samples: Sequence[tuple[str, Sample, Tensor, Tensor | None]]) -> Images:
        """A batch."""
        names, found, draws, features = zip(*samples, strict=True)
        return Images(collate(found), names, torch.stack(draws), features)


@dataclass(slots=True, eq=False)
class Side:
    """The targets of one kind in a session, flattened: b images times k masks each, b k in all."""

    truth: Tensor
    """(b k, s, s) bool."""
    repeats: int
    """k."""
    points: Tensor
    """(b k, 1, 2) first click (x, y)."""
    boxes: Tensor
    """(b k, 4) first and last x and y inside."""
    said: Tensor | None
    """(b k, c) from the text encoder, before it is projected; None for targets without names."""
    logits: Tensor | None = None
    """(b k, 1, 4 g, 4 g): of the round before."""
    clicks: tuple[Tensor, Tensor] | None = None
    """(b k, n, 2) and (b k, n): of this round's correction."""


@dataclass(slots=True, eq=False)
class State:
    """A session on a batch."""

    embedding: Tensor
    """(b, c, g, g) of the images, from the neck."""
    seen: Tensor
    """The same, detached: what the rounds see, and where their gradients meet."""
    sides: dict[str, Side]
    chance: Chance
    lone: int
    """The round, besides the last, that gives no clicks."""


class ImisTrainee:
    """IMIS-Net with its simulated user."""

    def __init__(self, course: ImisCourse, checkpoint: Path | None, folder: Path) -> None:
        """Begins with the course's weights, or those of a checkpoint.

        Raises:
            MissingWeights: they are not here, or do not fit.
        """
        self.network = start(course.network, checkpoint, NAME)
        self.facts = {FACT: course.network.model_dump_json()}
        self._course, self._loss = course, course.objective.loss
        self._cache = None
        if course.data.variants:
            settings, data = course.network.settings, course.data
            decisive = (
                digest_of_weights(self.network.image_encoder.sam_encoder),
                *(settings.resize, settings.side, settings.encoder_epsilon, course.loop.seed),
                *(data.intensity_chance, data.intensity_range),
            )
            self._cache = FeatureCache(folder, " ".join(map(str, decisive)))

    def samples(self, stores: Sequence[Store]) -> ImisSamples:
        """The training pictures of the stores.

        Raises:
            BadStore: a store has none.
        """
        return ImisSamples(stores, self._course, self._cache)

    def begin(self, batch: Images, chance: Chance) -> State:
        """Encodes images and texts, and draws each target's first click and box."""
        device = batch.batch.image.device
        rng = chance.common(0)
        given = batch.batch
        sides = {}
        truth = self._course.data.truth
        for number, (name, chosen) in enumerate((("truth", slice(0, truth)), ("interactive", slice(truth, None)))):
            if (masks := given.masks[:, chosen]).shape[1]:
                sides[name] = Side(
                    masks.flatten(0, 1),
                    masks.shape[1],
                    self._first_clicks(masks, given.points[:, chosen], chance.draws(number, (masks.shape[1], 1))),
                    _corners(given.boxes[:, chosen]),
                    self._describe(given.targets, device) if name == "truth" else None,
                )
        lone = int(rng.integers(1, max(2, self._course.session.corrections)))
        body = self._encode(batch)
        with torch.set_grad_enabled(self._course.network.neck):
            embedding = self.network.image_encoder.neck(body)
        return State(embedding, embedding.detach().requires_grad_(embedding.requires_grad), sides, chance, lone=lone)

    def rounds(self, state: State) -> int:
        """The first and its corrections."""
        return 1 + self._course.session.corrections

    def round(self, state: State, number: int) -> Losses:
        """Prompts and answers for truth and interactive masks; their losses are added."""
        rng = state.chance.common(1 + number)
        places = self.network.prompt_encoder.places()
        total: dict[str, Tensor] = {}
        for which, (name, side) in enumerate(state.sides.items()):
            given = self._first(side, rng) if number == 0 else self._correct(state, side, number, rng)
            answer = self.network(state.seen.repeat_interleave(side.repeats, 0), places, given).best()
            losses, guess = judge(self._loss, answer.logits, side.truth, answer.scores)
            total |= {f"{term}/{name}": value for term, value in losses.items() if term != "loss"}
            total["loss"] = total["loss"] + losses["loss"] if "loss" in total else losses["loss"]
            side.logits = answer.logits.detach()[:, None].float()
            if number + 1 < self.rounds(state):
                shape = (side.repeats, int(rng.choice(self._course.session.clicks)))
                chance = state.chance.draws(2 * (1 + number) + which, shape)
                clicks, labels = corrections(guess, side.truth, chance.to(guess.device))
                side.clicks = clicks.flip(-1).float(), labels
        return total

    def end(self, state: State) -> None:
        """Takes the gradients of all rounds through the neck."""
        if state.embedding.requires_grad:
            torch.autograd.backward([state.embedding], [state.seen.grad])

    def _encode(self, images: Images) -> Tensor:
        """(b, c, g, g): images that the cache does not know go through the encoder together."""
        pixels = normalise(images.batch.image.float())
        scale, shift = (draw[:, None, None, None] for draw in images.draws.unbind(1))
        pixels = pixels * scale + shift
        unknown = [index for index, known in enumerate(images.features) if known is None]
        bodies = list(images.features)
        if unknown:
            encoder = self.network.image_encoder
            with torch.no_grad():
                found = encoder.body(pixels[unknown]) if pixels.is_cuda else encode_body(encoder, pixels[unknown])
            for index, body in zip(unknown, found, strict=True):
                bodies[index] = body
                if self._cache is not None:
                    self._cache.save(images.names[index], {"body": body})
        together = torch.stack([body.float() for body in bodies if body is not None])
        return (together if self._cache is None else rounded(together)).permute(0, 3, 1, 2).contiguous()

    @torch.no_grad()
    def _describe(self, targets: Sequence[Sequence[str]], device: torch.device) -> Tensor:
        """(b k, c) of each truth's name, before the projection."""
        count, spelling = self._course.data.truth, self._course.network.settings.spelling
        texts = [sentence(name, spelling) for names in targets for name in names[:count]]
        distinct = list(dict.fromkeys(texts))
        pooled = self.network.pool(tokenize(distinct).to(device))
        return pooled[torch.tensor([distinct.index(text) for text in texts], device=device)]

    def _first_clicks(self, masks: Tensor, points: Tensor, chance: Tensor) -> Tensor:
        """(b k, 1, 2) (x, y)."""
        if not self._course.session.central:
            return points.flatten(0, 1)[:, None].flip(-1)
        return clicks_in(central_half(masks.flatten(0, 1)), chance.to(masks.device))[0].flip(-1).float()

    def _first(self, side: Side, rng: np.random.Generator) -> Given:
        """One prompt each, of a kind that is drawn for all together."""
        session, count = self._course.session, len(side.truth)
        kind = rng.random()
        if kind < (session.interactive_box if side.said is None else session.truth_box):
            return Given(count, boxes=side.boxes)
        if side.said is not None and kind >= 1 - session.truth_text:
            return Given(count, text=self.network.text_out_dim(side.said))
        inside = torch.ones(count, 1, dtype=torch.int64, device=side.truth.device)
        return Given(count, points=side.points, labels=inside)

    def _correct(self, state: State, side: Side, number: int, rng: np.random.Generator) -> Given:
        """What the user gives after seeing the round before."""
        count = len(side.truth)
        text = None if side.said is None else self.network.text_out_dim(side.said)
        if number in (state.lone, self.rounds(state) - 1):
            return Given(count, text=text, masks=side.logits)
        assert side.clicks is not None
        places, labels = side.clicks
        if text is not None and rng.random() < self._course.session.text_for_mask:
            return Given(count, points=places, labels=labels, text=text)
        return Given(count, points=places, labels=labels, masks=side.logits)


def central_half(masks: Tensor) -> Tensor:
    """(b, h, w) bool: of each mask the half of its pixels, rounded up, that are nearest to its centroid."""
    height, width = masks.shape[-2:]
    rows = torch.arange(height, device=masks.device, dtype=torch.float32)[:, None]
    columns = torch.arange(width, device=masks.device, dtype=torch.float32)
    size = masks.flatten(1).sum(1).clamp(min=1)[:, None, None]
    middle = [(masks * axis).sum((1, 2), keepdim=True) / size for axis in (rows, columns)]
    distance = (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2
    ranked = distance.masked_fill(~masks, torch.inf).flatten(1).sort(1).values
    farthest = ranked.gather(1, ((size.flatten() + 1) // 2 - 1).long()[:, None])
    return masks & (distance <= farthest[:, :, None])


def _corners(boxes: Tensor) -> Tensor:
    """(b k, 4) first and last x and y inside, of (b, k, 2, 2) low and high (y, x)."""
    low, high = boxes.flatten(0, 1).unbind(1)
    return torch.cat([low.flip(-1), high.flip(-1) - 1], 1)


SUBJECT = Subject(NAME, "baselines.imis_net", ImisCourse, "paper", ImisTrainee)
