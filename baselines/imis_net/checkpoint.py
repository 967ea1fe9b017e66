"""IMIS-Net's checkpoints: the released file, those of the released training script, and our own."""

import pickle
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from imedbench.models.checkpoint import fill, read_checkpoint

_TEXT = "text_model."
_DOUBLED = 2 * _TEXT
_NUMBERS = "embeddings.position_ids"
"""Of the text encoder: 0 to 76. Older versions of transformers saved them."""


def load_checkpoint(network: nn.Module, path: Path, name: str) -> None:
    """Fills the network with a checkpoint, whole.

    Raises:
        MissingWeights: the file is not that; ``name`` is the model that it was meant for.
    """
    state = _trained(path)
    fill(network, translate(read_checkpoint(path, name) if state is None else state, network), path, name)


def translate(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """The same weights under the network's names, in single precision.

    What differs between files: whether the text encoder is inside another of its own name (transformers 4 has it so,
    later ones not), its table of position numbers, and point embeddings that mixed precision had made half.
    """
    wanted = _DOUBLED if any(key.startswith(_DOUBLED) for key in network.state_dict()) else _TEXT
    translated = {}
    for key, value in state.items():
        if key.startswith(_TEXT):
            key = wanted + key.removeprefix(_TEXT).removeprefix(_TEXT)
        if key != wanted + _NUMBERS:
            translated[key] = value.float()
    return translated


def original(network: nn.Module) -> dict[str, Tensor]:
    """The network's weights under the names of the released checkpoint."""
    return {
        _DOUBLED + key.removeprefix(_TEXT).removeprefix(_TEXT) if key.startswith(_TEXT) else key: value
        for key, value in network.state_dict().items()
    }


def _trained(path: Path) -> Mapping[str, Tensor] | None:
    """The weights in a checkpoint of the released training script, which keeps its arguments beside them."""
    if path.suffix == ".safetensors":
        return None
    try:
        with torch.serialization.safe_globals([Namespace]):
            found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (pickle.UnpicklingError, EOFError, TypeError, KeyError, RuntimeError, ValueError):
        # Reading it as any other checkpoint says what is wrong.
        return None
    weights = found.get("model_state_dict") if isinstance(found, Mapping) else None
    return weights if isinstance(weights, Mapping) else None
