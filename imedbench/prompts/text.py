"""What is wanted, in words."""

import re
from typing import Annotated, Literal

from numpy.random import Generator
from pydantic import AfterValidator

from imedbench.prompts.base import Scene, Simulator
from imedbench.types import Mask, Text


def _names_the_target(template: str) -> str:
    if "{target}" not in template:
        message = "the template must hold {target}, where the name goes"
        raise ValueError(message)
    return template


class TextUser(Simulator):
    """Says the target's name in a sentence: in lower case, words apart by single spaces (IMIS-Net)."""

    simulate: Literal["text"] = "text"
    template: Annotated[str, AfterValidator(_names_the_target)] = "A segmentation area of a {target}."

    def draw(self, truth: Mask, guess: Mask, rng: Generator, scene: Scene) -> tuple[Text, ...]:
        """One sentence; none where the target has no name."""
        name = " ".join(re.split(r"[\s_-]+", scene.target.lower())).strip()
        return (Text(self.template.replace("{target}", name)),) if name else ()
