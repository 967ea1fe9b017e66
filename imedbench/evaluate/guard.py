"""Between the loop and a model that may fail: a failure costs the session that caused it, and no other."""

import logging
from collections.abc import Sequence

from imedbench.models.base import Model, Session
from imedbench.types import Case, Prediction, Prompt


class Guard:
    """Asks a model and survives it: a failure costs the session that caused it, and no other."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._most = 0
        """Sessions at once that were not too many for the memory; 0 while nothing was."""

    def start(self, model: Model, case: Case) -> Session | str:
        """The model's session on a case, or why there is none."""
        try:
            session = model.start(case.image)
            _settle()
            return session
        except Exception as error:
            logging.getLogger(__name__).debug("case %s", case.id, exc_info=True)
            return _sentence(error)

    def __call__(
        self, session: Session, prompts: Sequence[Sequence[Prompt]], previous: Sequence[Prediction | None]
    ) -> list[Prediction | str]:
        """An answer or the reason for its absence, for each."""
        step = self._most or len(prompts)
        answers: list[Prediction | str] = []
        for first in range(0, len(prompts), step):
            part = slice(first, first + step)
            answers += self._ask(session, prompts[part], previous[part])
        return answers

    def _ask(
        self, session: Session, prompts: Sequence[Sequence[Prompt]], previous: Sequence[Prediction | None]
    ) -> list[Prediction | str]:
        try:
            answers = list(session.predict_many(prompts, previous))
            if len(answers) == len(prompts):
                return [*answers]
            trouble = f"the model gave {len(answers)} answers to {len(prompts)} questions"
            crowded = False
        except Exception as error:
            logging.getLogger(__name__).debug("%d targets", len(prompts), exc_info=True)
            trouble, crowded = _sentence(error), _out_of_memory(error)
        # Outside of the handler: the error's frames hold what filled the memory.
        if len(prompts) == 1:
            return [trouble]
        half = (len(prompts) + 1) // 2
        if crowded:
            _free()
            self._most = half
            self.notes.append(f"out of memory with {len(prompts)} targets at once; going on with {half}")
        return self._ask(session, prompts[:half], previous[:half]) + self._ask(session, prompts[half:], previous[half:])


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _out_of_memory(error: Exception) -> bool:
    named = type(error).__name__ == "OutOfMemoryError"
    # On the CPU torch has no class of its own for it.
    return isinstance(error, MemoryError) or named or "can't allocate memory" in str(error)


def _settle() -> None:
    """Waits for what the GPU is still at, so that encoding is not counted to the first answers."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _free() -> None:
    """Gives the GPU's cached memory back."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
