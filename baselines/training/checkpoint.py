"""Checkpoints of a training run: everything that the rest of it depends on, written whole or not at all."""

import os
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

from baselines.training.average import trained
from imedbench.errors import BadResults, printable

KEPT = 2
"""Checkpoints: the second for the case that the disk spoils the first."""


def save_checkpoint(folder: Path, step: int, state: dict[str, Any]) -> None:
    """Writes ``step-0001000.pt`` and removes the oldest beyond `KEPT`.

    Whoever is killed while writing leaves the checkpoint before.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step-{step:07d}.pt"
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    for old in sorted(folder.glob("step-*.pt"))[:-KEPT]:
        old.unlink()


def newest_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The last one that can be read; None where there is none.

    Raises:
        BadResults: there are some, and none can be read.
    """
    found = sorted(folder.glob("step-*.pt"), reverse=True)
    for path in found:
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, EOFError, KeyError, TypeError, RuntimeError, ValueError):
            continue
        return state
    if found:
        message = f"{printable(folder)}: no checkpoint in it can be read; begin anew in another --out."
        raise BadResults(message)
    return None


def weights_of(network: nn.Module) -> dict[str, torch.Tensor]:
    """What training changes: trained parameters and buffers."""
    buffers = {name for name, _ in network.named_buffers()}
    changing = trained(network).keys() | buffers
    return {name: value.detach() for name, value in network.state_dict().items() if name in changing}


def restore_weights(network: nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """The reverse of `weights_of`; frozen parameters stay as they are."""
    wanted = weights_of(network).keys()
    if wanted != weights.keys():
        message = f"a checkpoint of another network: {sorted(wanted ^ weights.keys())[0]} is not in both"
        raise BadResults(message)
    network.load_state_dict(weights, strict=False)
