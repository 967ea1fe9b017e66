"""Reads checkpoints, and fills networks with them whole or not at all."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imedbench.errors import MissingWeights

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

_SHOWN = 3


def read_checkpoint(path: Path, name: str) -> dict[str, "Tensor"]:
    """The tensors of a checkpoint by name: of a ``.safetensors`` file, or of one that torch saved.

    A training checkpoint that keeps them under ``model`` is opened. Nothing in the file is executed.

    Raises:
        MissingWeights: the file holds something else; ``name`` is the model that it was meant for.
    """
    import torch

    try:
        found: Any = _safetensors(path) if path.suffix == ".safetensors" else None
        if found is None:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, EOFError, TypeError, KeyError, RuntimeError, ValueError) as problem:
        message = f"{path}: is not a file of weights alone; name a checkpoint of {name}."
        raise MissingWeights(message) from problem
    if isinstance(found, Mapping) and isinstance(found.get("model"), Mapping):
        found = found["model"]
    if not isinstance(found, Mapping) or not all(isinstance(each, torch.Tensor) for each in found.values()):
        message = f"{path}: is not a file of weights alone; name a checkpoint of {name}."
        raise MissingWeights(message)
    return dict(found)


def read_facts(path: Path) -> dict[str, str]:
    """What the header of a ``.safetensors`` file says besides names and shapes; nothing for other files."""
    if path.suffix != ".safetensors":
        return {}
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return dict(file.metadata() or {})
    except SafetensorError:
        # Reading its tensors says what is wrong.
        return {}


def fill(module: "Module", state: Mapping[str, "Tensor"], path: Path, name: str) -> None:
    """Loads every tensor of a module, and no other.

    Raises:
        MissingWeights: some are missing, unexpected or of another shape; the message names the first of each.
    """
    wanted = module.state_dict()
    faults = {
        "missing": [key for key in wanted if key not in state],
        "unexpected": [key for key in state if key not in wanted],
        "of another shape": [key for key in wanted if key in state and state[key].shape != wanted[key].shape],
    }
    if any(faults.values()):
        reason = "; ".join(f"{len(keys)} {fault}: {_first(keys)}" for fault, keys in faults.items() if keys)
        message = f"{path}: does not hold the weights of {name} ({reason}); name a checkpoint of this model."
        raise MissingWeights(message)
    module.load_state_dict(dict(state), strict=True)


def _first(keys: list[str]) -> str:
    return ", ".join(keys[:_SHOWN]) + (", ..." if len(keys) > _SHOWN else "")


def _safetensors(path: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as problem:
        raise ValueError(str(problem)) from problem
