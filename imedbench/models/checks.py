"""What every adapter refuses in the same words."""

from collections.abc import Iterable

from imedbench.models.base import Card, PromptKind
from imedbench.types import Box, Click, Image, MaskPrompt, Prompt, Scribble, Text

_KINDS: dict[type, PromptKind] = {Click: "click", Box: "box", Scribble: "scribble", MaskPrompt: "mask", Text: "text"}


def kind_of(prompt: Prompt) -> PromptKind:
    """What a card calls this kind of prompt."""
    return _KINDS[type(prompt)]


def check_prompts(card: Card, prompts: Iterable[Prompt]) -> None:
    """Passes where the card's model takes every one of them.

    Raises:
        ValueError: it does not take a kind that is among them.
    """
    for prompt in prompts:
        if (kind := kind_of(prompt)) not in card.prompts:
            message = f"{card.name} takes {' and '.join(card.prompts)} prompts, not {kind}"
            raise ValueError(message)


def check_dimension(card: Card, image: Image) -> None:
    """Passes where the card's model takes images of this dimension.

    Raises:
        ValueError: it does not.
    """
    if (dimension := len(image.grid)) not in card.dimensions:
        taken = " and ".join(f"{each}-D" for each in card.dimensions)
        message = f"{card.name} takes {taken} images, not {dimension}-D"
        raise ValueError(message)
