"""From a model's name to the model."""

import traceback
from pathlib import Path

from imedbench import catalog
from imedbench.errors import ImedbenchError, Unavailable, UnknownName
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
        Unavailable: the device is not there, or the model's own loader fails.
    """
    card = catalog.card(name)
    weights, device = find_weights(card, checkpoint), find_device(device)
    try:
        loader = catalog.resolve("loader", {name: card.loader}, name)
        model: Model = loader(card, weights, device)
    except ImedbenchError:
        raise
    except Exception as problem:
        last = traceback.extract_tb(problem.__traceback__)[-1]
        fault = f"{type(problem).__name__}: {problem}".splitlines()[0]
        message = f"the model {name} cannot be loaded by {card.loader} ({fault}; {last.filename}, line {last.lineno})."
        raise Unavailable(message) from problem
    return model


def find_device(name: str) -> str:
    """The device of this name as torch calls it; for ``auto`` the first GPU, or the CPU where there is none.

    Raises:
        UnknownName: torch knows no such device.
        Unavailable: it is a GPU, and this machine has none that torch can use.
    """
    if name == "cpu":
        return name
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(name).type
    except RuntimeError:
        what = "device"
        raise UnknownName(what, name, ("auto", "cpu", "cuda")) from None
    if kind == "cuda" and not torch.cuda.is_available():
        message = f"device {name}: torch finds no GPU here; name another with --device, or leave it to auto."
        raise Unavailable(message)
    return name
