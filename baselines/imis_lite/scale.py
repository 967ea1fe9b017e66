"""What the scores of a network are worth: a rising curve from the IoU that it predicts to the one that is found."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_FACT = "calibration"
_STEPS = 20
_SLOPE = 0.01
"""Of the score itself in what it is worth: masks that are worth the same keep their order."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A score's worth, between equal steps on straight lines."""

    worth: tuple[float, ...] = (0.0, 1.0)
    """Of scores from 0 to 1, not falling."""

    @classmethod
    def fit(cls, scores: NDArray[np.floating], found: NDArray[np.floating]) -> Self:
        """The isotonic regression of the IoU that was found on predicted scores, both (n,), and from 0 to the least.

        Raises:
            ValueError: there are none.
        """
        if not len(scores):
            message = "no masks were found to measure scores by"
            raise ValueError(message)
        from scipy.optimize import isotonic_regression

        order = np.argsort(scores, kind="stable")
        steps = np.linspace(0, 1, _STEPS + 1)
        rising = np.interp(steps, [0.0, *scores[order]], [0.0, *isotonic_regression(found[order]).x])
        worth = (1 - _SLOPE) * rising + _SLOPE * steps
        return cls(tuple(np.round(worth.clip(0, 1), 4).tolist()))

    @classmethod
    def read(cls, facts: Mapping[str, str]) -> Self:
        """From what is kept with weights; each score is its own worth where nothing is said."""
        return cls(tuple(json.loads(facts[_FACT]))) if _FACT in facts else cls()

    def facts(self) -> dict[str, str]:
        """To be kept with weights."""
        return {_FACT: json.dumps(self.worth)}

    def of(self, scores: Tensor) -> Tensor:
        """(...,) what scores (...,) are worth."""
        worth = torch.tensor(self.worth, dtype=scores.dtype, device=scores.device)
        place = scores.clamp(0, 1) * (len(worth) - 1)
        low = place.floor().long().clamp(max=len(worth) - 2)
        return torch.lerp(worth[low], worth[low + 1], place - low)


PLAIN = Scale()
"""Scores are worth what they say."""
