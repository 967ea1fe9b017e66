"""A small PRISM, and weights for any by a stated recipe."""

import zlib
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from baselines.prism.settings import Settings

SMALL: dict[str, Any] = {
    "size": 32,
    "width": 24,
    "depth": 4,
    "heads": 2,
    "window": 3,
    "channels": (4, 4, 8, 8),
    "embedding": 48,
    "refined_width": 4,
}


def small(**changes: Any) -> Settings:
    return Settings(**{**SMALL, **changes})


def drawn(name: str, shape: tuple[int, ...]) -> Tensor:
    """Standard normal numbers that belong to a name."""
    chance = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    return torch.from_numpy(chance.standard_normal(shape).astype(np.float32))


def fill(network: nn.Module) -> nn.Module:
    """Every weight by its name and shape, so that numbers stay near 1."""
    filled = {}
    for name, value in network.state_dict().items():
        shape = tuple(value.shape)
        numbers = drawn(name, shape)
        if name.endswith("pos_embed"):
            numbers = 0.1 * numbers
        elif name.endswith("gaussian_matrix"):
            pass
        elif len(shape) > 1:
            numbers = numbers / float(np.prod(shape[1:]) ** 0.5)
        elif name.endswith(".weight"):
            numbers = 1 + 0.1 * numbers
        else:
            numbers = 0.1 * numbers
        filled[name] = numbers
    network.load_state_dict(filled)
    return network.eval().requires_grad_(False)
