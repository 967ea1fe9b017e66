"""IMIS-lite in training: one answer for the user, bettered click by click, and three more for what a click may mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from baselines.imis_lite.course import LiteCourse
from baselines.imis_lite.encoder import SIDE, Features, encode
from baselines.imis_lite.network import Answers, ImageMaps, from_lite_medsam
from baselines.imis_lite.prompts import DRAWN, GRID, NOTHING, Prompts
from baselines.imis_lite.samples import LiteBatch, LiteSamples
from baselines.sam.network import lite_medsam
from baselines.training.cache import FeatureCache, digest_of_weights
from baselines.training.clicks import corrections, deepest
from baselines.training.trainee import Chance, Losses, Subject
from imedbench.models.checkpoint import fill, read_checkpoint
from imedbench.store import Store

NAME = "imis-lite"
_LEARNED = 2
_CERTAIN = 10.0
"""Logits of a mask that a user gives."""


@dataclass(slots=True, eq=False)
class State:
    """A session on a batch; b images times k targets each, b k targets in all."""

    made: tuple[Tensor, ...]
    """What the network makes of the images, with gradients."""
    maps: ImageMaps
    """The same, detached, for each target."""
    wanted: Tensor
    """(b k, 256, 256)."""
    other: Tensor
    """(b k, 256, 256)."""
    points: Tensor
    """(b k, n, 2): all so far."""
    kinds: Tensor
    """(b k, n)."""
    lone: Tensor
    """(b k,) bool."""
    chance: Chance
    rounds: int
    """Answers in all."""
    leaves: tuple[Tensor, ...]
    """Of the maps, where the gradients of the rounds meet."""
    previous: Tensor
    """(b k, 256, 256) logits of the last answer, or of the mask to begin with."""
    masked: Tensor
    """(b k,) 1 where there is one, else 0."""
    given: int = 0
    """Answers so far."""


class LiteTrainee:
    """IMIS-lite with its simulated user."""

    def __init__(self, course: LiteCourse, checkpoint: Path | None, folder: Path) -> None:
        """Begins with LiteMedSAM's decoder, or with a checkpoint of its own.

        Raises:
            MissingWeights: the checkpoint does not fit.
        """
        lite = lite_medsam()
        self.network = from_lite_medsam(lite)
        if checkpoint is not None:
            fill(self.network, read_checkpoint(checkpoint, NAME), checkpoint, NAME)
        self._encoder = lite.image_encoder
        # It is no part of what is trained and kept.
        self.facts = {"encoder": digest_of_weights(self._encoder)}
        self._course = course
        self._cache = None
        if course.data.variants:
            key = f"{self.facts['encoder']} {course.data.seed} {course.data.views.model_dump_json()}"
            key += " stretched" * course.data.stretched
            self._cache = FeatureCache(folder, key)

    def samples(self, stores: Sequence[Store]) -> LiteSamples:
        """The training pictures of the stores.

        Raises:
            BadStore: a store has none.
        """
        return LiteSamples(stores, self._course, self._cache)

    def begin(self, batch: LiteBatch, chance: Chance) -> State:
        """Encodes what the cache does not know, and makes of it what all rounds share."""
        made = self.network.see(self._encode(batch))
        count = batch.wanted.shape[1]
        leaves = tuple(each.detach().requires_grad_(each.requires_grad) for each in made)
        maps = ImageMaps(*leaves) if len(batch.names) == 1 else _for_each(leaves, count)
        wanted, other, points, kinds, rough, lone = (
            each.flatten(0, 1)
            for each in (batch.wanted, batch.other, batch.points, batch.kinds, batch.rough, batch.lone)
        )
        chances = np.array(self._course.session.rounds)
        rounds = 1 + int(chance.common(0).choice(len(chances), p=chances / chances.sum()))
        previous = (2 * rough.to(wanted.dtype) - 1) * _CERTAIN
        masked = rough.flatten(1).any(1).to(wanted.dtype)
        return State(made, maps, wanted, other, points, kinds, lone, chance, rounds, leaves, previous, masked)

    def rounds(self, state: State) -> int:
        """Those that are learned from: the first answer and the last."""
        return min(state.rounds, _LEARNED)

    def round(self, state: State, number: int) -> Losses:
        """One answer to all prompts so far; in the first round also what else a click may mean."""
        if number:
            self._go_on(state)
        logits, scores = self._answer(state)
        wanted = state.wanted > 0.5
        losses = self._loss(logits[:, 0], state.wanted)
        overlap = _overlap(logits[:, 0] > 0, wanted)
        # Where a click found nothing, no mask is right; that the score is low is all there is to learn.
        known = wanted.flatten(1).any(1).to(logits.dtype)
        share = known / known.sum().clamp(min=1)
        found = {
            "mask": (losses * share).sum(),
            "score": ((scores[:, 0] - overlap) ** 2).mean(),
            "iou": (overlap * share).sum(),
        }
        loss = found["mask"] + self._course.objective.score * found["score"]
        if number == 0:
            loss = loss + self._candidates(state, Answers(logits, scores), known, found)
        if state.given < state.rounds:
            self._correct(state, logits[:, 0].detach(), wanted)
        return {"loss": loss / self.rounds(state), **found}

    def end(self, state: State) -> None:
        """Takes the gradients of all rounds through what the network makes of the images."""
        learned = [(made, leaf) for made, leaf in zip(state.made, state.leaves, strict=True) if made.requires_grad]
        torch.autograd.backward([made for made, _ in learned], [leaf.grad for _, leaf in learned])

    @torch.no_grad()
    def _go_on(self, state: State) -> None:
        """The answers before the last that nothing is learned from."""
        while state.given + 1 < state.rounds:
            logits, _ = self._answer(state)
            self._correct(state, logits[:, 0], state.wanted > 0.5)

    def _answer(self, state: State) -> tuple[Tensor, Tensor]:
        """(b k, 4, 256, 256) logits and (b k, 4) scores."""
        prompts = Prompts(state.points, state.kinds, state.previous, state.masked)
        answers = self.network.decode(state.maps, prompts)
        state.given += 1
        return answers.logits.float(), answers.scores.float()

    def _candidates(self, state: State, answers: Answers, known: Tensor, found: dict[str, Tensor]) -> Tensor:
        """The loss of the three further masks for lone clicks: the best for each meaning, and a little of all."""
        logits, scores = answers
        objective, lone = self._course.objective, state.lone.to(logits.dtype)
        meant = lone * known
        # Without a lone click this is 0, and nothing has to be asked of the device.
        share, told = (each / each.sum().clamp(min=1) for each in (meant, lone))
        each = [self._loss(logits[:, 1:], target[:, None]) for target in (state.wanted, state.other)]
        best = sum(loss.amin(1) for loss in each)
        overlap = torch.maximum(
            *(_overlap(logits[:, 1:] > 0, target[:, None] > 0.5) for target in (state.wanted, state.other))
        )
        wrong = ((scores[:, 1:] - overlap) ** 2).mean(1)
        found["candidates"] = (best * share).sum()
        found["candidate_score"] = (wrong * told).sum()
        loss = objective.candidates * best + objective.all_candidates * each[0].mean(1)
        return meant.mean() * (loss * share).sum() + objective.score * found["candidate_score"]

    def _loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """(...,) of masks (..., 256, 256): cross-entropy over the area of the target, and Dice loss."""
        target = target.expand_as(logits)
        likely = torch.sigmoid(logits).flatten(-2)
        entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none").flatten(-2).sum(-1)
        flat = target.flatten(-2)
        area = flat.sum(-1)
        objective = self._course.objective
        border = (entropy / area.clamp(min=objective.least_area)).clamp(max=objective.most)
        dice = 1 - (2 * (likely * flat).sum(-1) + 1) / (likely.square().sum(-1) + flat.square().sum(-1) + 1)
        return objective.entropy * border + dice

    def _correct(self, state: State, logits: Tensor, wanted: Tensor) -> None:
        """One more click on what is wrong, and the answer so far."""
        count, device = len(logits), logits.device
        state.previous, state.masked = logits, torch.ones_like(state.masked)
        # A user who clicks does not look at single pixels.
        guess, wanted = (
            functional.avg_pool2d(each[:, None], DRAWN // GRID)[:, 0] for each in (logits, wanted.to(logits.dtype))
        )
        guess, wanted = guess > 0, wanted >= 0.5
        error = guess ^ wanted
        each = count // len(state.chance.places)
        draws = state.chance.draws(state.given, (each, GRID * GRID + 2)).to(device)
        anywhere, labels = corrections(guess, wanted, draws[:, -1:])
        deep, _ = deepest(error, draws[:, :-2].view(count, GRID, GRID))
        inside = wanted[torch.arange(count, device=device)[:, None], deep[..., 0], deep[..., 1]].long()
        deeply = draws[:, -2:-1] < 1 - self._course.session.anywhere
        places = torch.where(deeply[..., None], deep, anywhere).flip(-1)
        kinds = torch.where(labels == NOTHING, NOTHING, torch.where(deeply, inside, labels))
        scale = SIDE / GRID
        state.points = torch.cat([state.points, (places + 0.5) * scale - 0.5], 1)
        state.kinds = torch.cat([state.kinds, kinds], 1)

    def _encode(self, batch: LiteBatch) -> Features:
        """The features of b images, in single precision."""
        device = batch.pixels.device
        found = []
        for index, known in enumerate(batch.features):
            features = known
            if features is None:
                self._encoder.to(device)
                pixels = batch.pixels[index : index + 1]
                features = encode(self._encoder, pixels, batch.filled[index], brief=True).half()
                if self._cache is not None:
                    self._cache.save(batch.names[index], features._asdict())
            found.append(features)
        return Features(*(torch.cat([part.float() for part in parts]) for parts in zip(*found, strict=True)))


def _for_each(maps: Sequence[Tensor], count: int) -> ImageMaps:
    """Those of each image for each of its targets."""
    tokens, grid, *others = maps
    return ImageMaps(tokens.repeat_interleave(count, 0), grid, *(each.repeat_interleave(count, 0) for each in others))


def _overlap(guess: Tensor, truth: Tensor) -> Tensor:
    """(...,): intersection over union of masks (..., h, w)."""
    shared = (guess & truth).flatten(-2).sum(-1)
    either = (guess | truth).flatten(-2).sum(-1)
    return shared / either.clamp(min=1)


SUBJECT = Subject(NAME, "baselines.imis_lite", LiteCourse, "shipped", LiteTrainee)
