"""The interaction loop: the only place where simulated users and models meet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from imedbench.evaluate.protocol import Arm
from imedbench.evaluate.seeds import generator
from imedbench.evaluate.written import CERTAIN
from imedbench.models.base import Session
from imedbench.models.checks import kind_of
from imedbench.prompts.base import Scene
from imedbench.types import Mask, MaskPrompt, Prediction, Prompt, Turn


@dataclass(frozen=True, slots=True, eq=False)
class Goal:
    """One target of a case."""

    case: str
    target: str
    instance: int
    truth: Mask
    """Not empty."""
    spacing_mm: tuple[float, ...]


@dataclass(slots=True, eq=False)
class Dialogue:
    """A session in progress: one goal under one arm. Simulated users are those of the arm, spoiled as asked."""

    goal: Goal
    arm: Arm
    seed: int
    turns: list[Turn] = field(default_factory=list)
    error: str = ""
    """Why it ended before its time; empty where it did not."""
    unanswered: tuple[Prompt, ...] = ()
    """What was said in the turn that failed: the user has had the effort all the same."""
    ended: bool = False
    _given: tuple[Prompt, ...] = ()
    _last: Prediction | None = None

    def ask(self) -> tuple[Prompt, ...]:
        """What the user says next; nothing where the session has ended."""
        turn = len(self.turns) + 1
        if self.ended or turn > self.arm.turns:
            return ()
        goal = self.goal
        guess = self.turns[-1].guess if self.turns else np.zeros(goal.truth.shape, np.bool_)
        scene = Scene(goal.spacing_mm, goal.target, self._given, self._last.logits if self._last else None)
        rng = generator(self.seed, (goal.case, goal.target, goal.instance, self.arm.name), turn)
        prompts: tuple[Prompt, ...] = ()
        for simulator in self.arm.first if turn == 1 else self.arm.later:
            prompts += simulator(goal.truth, guess, rng, scene)
        if not prompts:
            self._silent()
        return prompts

    def _silent(self) -> None:
        """The user says nothing: the end, and where it is the beginning too, an object that nobody saw."""
        self.ended = True
        if not self.turns:
            self.turns.append(Turn(1, (), np.zeros(self.goal.truth.shape, np.bool_), 0.0))

    def question(self, prompts: tuple[Prompt, ...], *, truth: bool) -> tuple[tuple[Prompt, ...], Prediction | None]:
        """What the model is given for these new prompts: prompts and its last answer, as the arm says."""
        arm = self.arm
        earlier = tuple(each for each in self._given if arm.memory == "all" or kind_of(each) in arm.kept)
        given = (*earlier, *prompts)
        if truth:
            given = (*given, MaskPrompt(np.where(self.goal.truth, np.float32(CERTAIN), np.float32(-CERTAIN))))
        return given, self._last if arm.feedback else None

    def take(self, prompts: tuple[Prompt, ...], answer: Prediction, seconds: float) -> None:
        """Adds a turn; a perfect guess, or one good enough for the arm, ends the session."""
        truth = self.goal.truth
        if fault := _fault(answer, truth.shape):
            self.fail(fault, prompts)
            return
        guess = answer.logits > 0
        self.turns.append(Turn(len(self.turns) + 1, prompts, guess, seconds, float(answer.score)))
        self._given = (*self._given, *prompts)
        self._last = answer
        both = int(np.count_nonzero(truth & guess))
        either = int(np.count_nonzero(truth | guess))
        enough = self.arm.enough is not None and both >= self.arm.enough * either
        self.ended = both == either or enough or len(self.turns) == self.arm.turns
        if self.ended:
            self._last = None

    def fail(self, why: str, unanswered: tuple[Prompt, ...] = ()) -> None:
        """Ends the session with a reason, and with prompts that got no answer."""
        self.error, self.unanswered = why, unanswered
        self.ended, self._last = True, None


class Answer(Protocol):
    """How the loop asks a model; what goes wrong comes back as a sentence in place of a prediction."""

    def __call__(
        self, session: Session, prompts: Sequence[Sequence[Prompt]], previous: Sequence[Prediction | None]
    ) -> Sequence[Prediction | str]:
        """One prediction or one sentence for each."""
        ...


def interact(
    session: Session,
    dialogues: Sequence[Dialogue],
    answer: Answer,
    *,
    sees_truth: bool = False,
    clock: Callable[[], float] = perf_counter,
) -> None:
    """Leads all sessions on one image to their ends, a turn of all of them at a time.

    Args:
        session: the model's, with the image encoded.
        dialogues: what is asked; they are filled.
        answer: asks the model for all of them at once.
        sees_truth: whether the model is shown the truth after the user's prompts.
        clock: seconds.
    """
    while True:
        asked = [(dialogue, prompts) for dialogue in dialogues if (prompts := dialogue.ask())]
        if not asked:
            return
        questions = [dialogue.question(prompts, truth=sees_truth) for dialogue, prompts in asked]
        start = clock()
        answers = answer(session, [given for given, _ in questions], [last for _, last in questions])
        seconds = (clock() - start) / len(asked)
        for (dialogue, prompts), each in zip(asked, answers, strict=True):
            if isinstance(each, str):
                dialogue.fail(each, prompts)
            else:
                dialogue.take(prompts, each, seconds)


def _fault(answer: Any, shape: tuple[int, ...]) -> str:
    """What is wrong with an answer, in a sentence; nothing where it can be scored."""
    if not isinstance(answer, Prediction) or not isinstance(answer.logits, np.ndarray):
        return f"the model answered {type(getattr(answer, 'logits', answer)).__name__}, not an array of logits"
    if not isinstance(answer.score, int | float | np.number) or answer.logits.dtype.kind != "f":
        return f"the model answered a score of type {type(answer.score).__name__} and logits of {answer.logits.dtype}"
    if answer.logits.shape != shape:
        return f"the model answered logits of shape {answer.logits.shape} for an image of {shape}"
    if not np.isfinite(answer.logits).all():
        return "the model answered NaN or infinite logits"
    return ""
