"""PRISM in training: eleven turns with gradients through all of them (Li et al. 2024, section 2)."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from baselines.prism import user
from baselines.prism.checkpoint import load_checkpoint
from baselines.prism.course import PrismCourse
from baselines.prism.network import Prism, Seen
from baselines.prism.objective import Losses as Objectives
from baselines.prism.prompts import Prompts
from baselines.prism.samples import PrismBatch, PrismSamples
from baselines.training.trainee import Chance, Losses, Subject
from imedbench.store import Store

NAME = "prism"
SETTINGS, INTAKE = "settings", "intake"
"""Facts in the header of the weights."""


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A session on a batch."""

    batch: PrismBatch
    chance: Chance


class PrismTrainee:
    """PRISM with its simulated user."""

    def __init__(self, course: PrismCourse, start: Path | None, folder: Path) -> None:
        """Random weights, or those of a checkpoint; nothing is kept in ``folder``.

        Raises:
            MissingWeights: it does not fit.
        """
        self.network = Prism(course.network)
        if start is not None:
            load_checkpoint(self.network, start, NAME)
        self.facts = {SETTINGS: json.dumps(asdict(course.network))}
        self._course = course

    def samples(self, stores: Sequence[Store]) -> PrismSamples:
        """The training volumes of the stores.

        Raises:
            BadStore: there is none.
        """
        samples = PrismSamples(stores, self._course)
        self.facts[INTAKE] = json.dumps(asdict(samples.intake))
        return samples

    def begin(self, batch: PrismBatch, chance: Chance) -> State:
        """Nothing is made yet: gradients reach the image's encoder from all turns at once."""
        return State(batch, chance)

    def rounds(self, state: State) -> int:
        """One: all turns are learned from together."""
        return 1

    def round(self, state: State, number: int) -> Losses:
        """All turns; the loss is their mean."""
        session, batch = self._course.session, state.batch
        seen = self.network.see(batch.image)
        truth, boxes = batch.truth[:, 0] > 0, batch.box if session.box else None
        objective = Objectives(self._course.objective, batch.truth)
        logits = torch.zeros_like(batch.image)
        said = torch.zeros((len(truth), 2, *truth.shape[1:]), dtype=torch.bool, device=truth.device)
        total: dict[str, Tensor] = {}
        recomputes = self._course.recompute and torch.is_grad_enabled()
        for turn in range(session.turns):
            given = self._prompts(logits.detach()[:, 0] > 0, batch, state.chance, turn)
            said = user.marked(said, given)
            step = partial(self._turn, seen, said=said, objective=objective)
            prompts = Prompts(*given, boxes, logits)
            logits, losses = checkpoint(step, prompts, use_reentrant=False) if recomputes else step(prompts)
            for name, value in losses.items():
                total[name] = total.get(name, value.new_zeros(())) + value / session.turns
        overlap = _dice(logits.detach() > 0, batch.truth > 0)
        return {**total, "dice": overlap}

    def end(self, state: State) -> None:
        """Nothing is left to do."""

    def _turn(
        self, seen: Seen, prompts: Prompts, *, said: Tensor, objective: Objectives
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The answer's logits, and its losses."""
        answer = self.network(seen, prompts, said)
        return answer.logits.float(), objective(answer)

    @torch.no_grad()
    def _prompts(self, guess: Tensor, batch: PrismBatch, chance: Chance, turn: int) -> user.Points:
        session, truth = self._course.session, batch.truth[:, 0] > 0
        parts = [user.points(guess, truth, session=session, chance=chance, turn=turn)]
        if session.scribbles:
            parts.append(user.scribbles(guess, truth, batch.box, session=session, chance=chance, turn=turn))
        return user.together(parts)


def _dice(guess: Tensor, truth: Tensor) -> Tensor:
    """Mean over targets (b, 1, S, S, S)."""
    both = (guess & truth).flatten(1).sum(1)
    return (2 * both / (guess.flatten(1).sum(1) + truth.flatten(1).sum(1)).clamp(min=1)).mean()


SUBJECT = Subject(NAME, "baselines.prism", PrismCourse, "basic", PrismTrainee)
