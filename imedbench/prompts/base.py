"""What a simulated user is: a rule that turns a truth and a guess into the next prompts."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from numpy.random import Generator
from pydantic import BaseModel, BeforeValidator, ConfigDict, SerializeAsAny

from imedbench import catalog
from imedbench.types import Logits, Mask, Prompt


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What a user knows besides truth and guess; nothing of it is needed for a first prompt in an isotropic image."""

    spacing_mm: tuple[float, ...] | None = None
    """Distance between voxel centres in array order; None where they are the same along every axis."""
    target: str = ""
    """What is to be segmented, in words."""
    given: tuple[Prompt, ...] = ()
    """All prompts of the session so far."""
    logits: Logits | None = None
    """The last answer's, where there was one."""


PLAIN = Scene()


class Settings(BaseModel):
    """Base of what a protocol writes down: immutable, complete, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def named(kind: str, table: Mapping[str, str], key: str, written: Any) -> Any:
    """What a mapping such as ``{apply: displace, fraction: 0.5}`` stands for; anything else comes back as it is.

    Raises:
        UnknownName: ``table`` has no class of the name under ``key``.
    """
    if not isinstance(written, Mapping) or key not in written:
        return written
    return catalog.resolve(kind, table, str(written[key])).model_validate(written)


class Imperfection(Settings, ABC):
    """A way in which real prompts fall short of perfect ones; applied to any simulator's prompts."""

    @abstractmethod
    def __call__(
        self, prompts: tuple[Prompt, ...], truth: Mask, rng: Generator, scene: Scene = PLAIN
    ) -> tuple[Prompt, ...]:
        """The prompts, spoiled; those of other kinds than it concerns come back as they are.

        Points stay inside the grid. A box stays inside the grid and holds at least one voxel.
        """
        ...


AnyImperfection = Annotated[
    SerializeAsAny[Imperfection],
    BeforeValidator(lambda written: named("imperfection", catalog.IMPERFECTIONS, "apply", written)),
]
"""As a field of settings: written as a mapping whose ``apply`` names it."""


class Simulator(Settings, ABC):
    """A simulated user: pure in (truth, guess, rng).

    Calling it draws the prompts of one turn and then applies its imperfections, in their order, with a generator
    spawned from the first: the same perfect prompts underlie every imperfect version of them, those of further users of
    the same turn too.
    """

    imperfect: tuple[AnyImperfection, ...] = ()
    """Applied in this order."""

    @abstractmethod
    def draw(self, truth: Mask, guess: Mask, rng: Generator, scene: Scene) -> tuple[Prompt, ...]:
        """The perfect prompts of a turn; none where there is nothing left to say.

        Args:
            truth: (z, y, x) or (y, x), not empty.
            guess: of the same shape; all False before the first answer.
            rng: the only source of chance for what is drawn.
            scene: what else the user knows.
        """
        ...

    def __call__(self, truth: Mask, guess: Mask, rng: Generator, scene: Scene = PLAIN) -> tuple[Prompt, ...]:
        """The prompts of a turn.

        Raises:
            ValueError: truth and guess differ in shape, or the truth is empty.
        """
        if truth.shape != guess.shape:
            message = f"truth and guess differ in shape: {truth.shape} and {guess.shape}"
            raise ValueError(message)
        if not truth.any():
            message = "the truth is empty: there is nothing to prompt for"
            raise ValueError(message)
        (chance,) = rng.spawn(1)
        prompts = self.draw(truth, guess, rng, scene)
        for imperfection in self.imperfect:
            prompts = imperfection(prompts, truth, chance, scene)
        return prompts

    def spoiled(self, imperfections: Sequence[Imperfection]) -> "Simulator":
        """The same user with these imperfections after its own."""
        changed: dict[str, Any] = {"imperfect": (*self.imperfect, *imperfections)}
        return self.model_copy(update=changed)

    def on_each_slice(self) -> "Simulator":
        """The same user, but prompting each slice of a volume by itself; who speaks of the whole is not changed."""
        return self


AnySimulator = Annotated[
    SerializeAsAny[Simulator],
    BeforeValidator(lambda written: named("simulated user", catalog.SIMULATORS, "simulate", written)),
]
"""As a field of settings: written as a mapping whose ``simulate`` names it."""
