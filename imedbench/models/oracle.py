"""A model that knows the truth: any harness must score it 1.0 under any protocol."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imedbench.models.base import Card
from imedbench.models.checks import check_dimension, check_prompts
from imedbench.types import Image, MaskPrompt, Prediction, Prompt

ORACLE = Card(
    name="oracle",
    summary="Answers the truth itself: a check of the evaluation, not a competitor",
    loader="imedbench.models.oracle:load",
    prompts=("click", "box", "scribble", "mask", "text"),
    dimensions=(2, 3),
    licence="Apache-2.0",
    source="this project",
    sees_truth=True,
)


def load(card: Card, checkpoint: Path | None, device: str) -> "Oracle":
    """The oracle; it has nothing to load and runs nowhere."""
    return Oracle(card)


@dataclass(slots=True)
class Oracle:
    """Answers the last mask it is given."""

    card: Card

    def start(self, image: Image) -> "OracleSession":
        """A session on any image.

        Raises:
            ValueError: the image is neither 2-D nor 3-D.
        """
        check_dimension(self.card, image)
        return OracleSession(self.card, image.grid)


@dataclass(frozen=True, slots=True)
class OracleSession:
    """Needs nothing of the image but its shape."""

    card: Card
    grid: tuple[int, ...]

    def predict(self, prompts: Sequence[Prompt], previous: Prediction | None = None) -> Prediction:
        """The logits of the last `MaskPrompt`, which an evaluation makes the truth.

        Raises:
            ValueError: there is none, or it is not on the image's grid.
        """
        check_prompts(self.card, prompts)
        masks = [prompt for prompt in prompts if isinstance(prompt, MaskPrompt)]
        if not masks:
            message = f"{self.card.name} answers the truth, and was not given it as a mask"
            raise ValueError(message)
        truth = masks[-1].logits
        if truth.shape != self.grid:
            message = f"{self.card.name} was given a truth of shape {truth.shape} for an image of {self.grid}"
            raise ValueError(message)
        return Prediction(truth.astype(np.float32), 1.0)

    def predict_many(
        self, prompts: Sequence[Sequence[Prompt]], previous: Sequence[Prediction | None] | None = None
    ) -> list[Prediction]:
        """`predict` for each target."""
        return [self.predict(each) for each in prompts]
