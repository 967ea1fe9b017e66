"""PRISM's checkpoints: the published ``best.pth.tar`` and ours."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from baselines.prism.network import Prism
from imedbench.models.checkpoint import fill, read_checkpoint

_WEIGHTS = "model_state_dict"
_UNUSED = {
    "prompt_encoder.no_mask_embed.weight",
    "mask_decoder.decoder.final_conv.weight",
    "mask_decoder.decoder.final_conv.bias",
}
"""Published checkpoints have them, and nothing uses them: a mask is always given, and maps are not classified."""

_SCALAR: Any = np.float64(0).__reduce__()[0]
_NUMBERS: list[Any] = [
    *(_SCALAR, np.dtype, type(np.dtype(np.float64)), type(np.dtype(np.float32))),
    # Under the name that it had before numpy 2.
    (_SCALAR, "numpy.core.multiarray.scalar"),
]
"""What a number of numpy is made of: the published script keeps its best loss as one."""


def load_checkpoint(network: Prism, path: Path, name: str) -> None:
    """Fills the network with a checkpoint, whole.

    Raises:
        MissingWeights: the file is not that; ``name`` is the model that it was meant for.
    """
    state = _trained(path)
    given = read_checkpoint(path, name) if state is None else state
    fill(network, {key: value.float() for key, value in given.items() if key not in _UNUSED}, path, name)


def _trained(path: Path) -> Mapping[str, Tensor] | None:
    """The weights in a checkpoint of the published training script, which keeps its optimiser beside them."""
    if path.suffix == ".safetensors":
        return None
    try:
        with torch.serialization.safe_globals(_NUMBERS):
            found: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (pickle.UnpicklingError, EOFError, TypeError, KeyError, RuntimeError, ValueError):
        # Reading it as any other checkpoint says what is wrong.
        return None
    weights = found.get(_WEIGHTS) if isinstance(found, Mapping) else None
    return weights if isinstance(weights, Mapping) else None
