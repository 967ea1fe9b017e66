"""From a model's name to the model."""

from pathlib import Path

from imedbench import catalog
from imedbench.models.base import Model
from imedbench.models.weights import find_weights


def load(name: str, checkpoint: Path | None = None, device: str = "auto") -> Model:
    """The model of this name, ready to start sessions.

    Args:
        name: as in the catalogue.
        checkpoint: instead of the card's own weights.
        device: as torch names it; ``auto`` is the first GPU, or the CPU where there is none.

    Raises:
        UnknownName: no model has this name.
        MissingWeights: its checkpoint is not here and cannot be fetched.
    """
    card = catalog.card(name)
    weights = find_weights(card, checkpoint)
    loader = catalog.resolve("loader", {name: card.loader}, name)
    model: Model = loader(card, weights, _device(device))
    return model


def _device(name: str) -> str:
    if name != "auto":
        return name
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
