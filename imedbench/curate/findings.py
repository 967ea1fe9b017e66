"""What rules find in the labels of a subject."""

from dataclasses import dataclass
from typing import Literal

Rule = Literal["orientation", "sides", "order", "pieces", "outside", "intensity", "empty"]
Remedy = Literal["turned", "renamed", "cleared", "review"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be."""

    rule: Rule
    structures: tuple[str, ...]
    """Empty: the whole subject."""
    what: str
    """As the rest of a sentence about them."""
    remedy: Remedy
    """What was done: the volume turned, structures given their right name, voxels freed of their label, or nothing."""
    ml: float = 0.0
    """Of what is wrong, where that is a part."""
