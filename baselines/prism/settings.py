"""How a PRISM is built: as published, smaller, and with or without the quirks of the published code."""

from typing import Literal

from pydantic import ConfigDict, Field, PositiveInt
from pydantic.dataclasses import dataclass

PATCH = 16
"""Voxels, in each direction, that the vision transformer makes one token of."""
STAGES = 4
"""Of the transformer, each ended by a block that attends to all tokens; the first three send their tokens to the
convolutions' side."""


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Settings:
    """The network; defaults are the published one, 118 million weights."""

    size: PositiveInt = 128
    """Voxels of the cube, in each direction: a multiple of 16."""
    width: PositiveInt = 768
    """Of the transformer's tokens."""
    depth: PositiveInt = 12
    """Blocks of the transformer: a multiple of 4."""
    heads: PositiveInt = 12
    window: PositiveInt = 14
    """Tokens a side of the windows that all but every stage's last block attend within."""
    channels: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (32, 32, 64, 128)
    """Of the convolutions' maps at the full size, half of it, a quarter and an eighth."""
    embedding: PositiveInt = 384
    """Channels of the coarsest map, where image and prompts meet: a multiple of 48."""
    candidates: Literal[1, 3] = 3
    """Masks with a score that each answer is chosen from ("confidence learning"); with 1 there is no choice."""
    refine: bool = True
    """Whether the chosen mask is corrected ("corrective learning")."""
    sides: Literal["both", "convolutions", "transformer"] = "both"
    """Of the image encoder: for the paper's Table 2."""
    relative: Literal["published", "textbook"] = "published"
    """How relative positions enter the transformer's attention. The published code looks up the wrong coordinates;
    weights trained with it need that."""
    padding: Literal["seen", "none"] = "seen"
    """Whether tokens that fill a window up are attended to, as in the published code."""
    dense: Literal["published", "textbook"] = "published"
    """Whether the places of the image's cells have their first two axes exchanged, as in the published code."""
    refined_width: PositiveInt = Field(default=32)
    """Channels of the network that corrects."""

    def __post_init__(self) -> None:
        """Refuses what cannot be built.

        Raises:
            ValueError: a size, depth or width does not divide as it must.
        """
        rules = (
            ("size", self.size, PATCH),
            ("depth", self.depth, STAGES),
            ("width", self.width, self.heads),
            ("embedding", self.embedding, 48),
        )
        for name, value, divisor in rules:
            if value % divisor:
                message = f"{name} is {value}, which is no multiple of {divisor}"
                raise ValueError(message)
        if self.padding == "none" and self.grid > self.window and self.grid % self.window:
            message = f"windows of {self.window} do not fill a grid of {self.grid}, and padding is none"
            raise ValueError(message)

    @property
    def grid(self) -> int:
        """Tokens in each direction."""
        return self.size // PATCH
