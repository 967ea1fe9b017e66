"""A running average of the weights that are trained."""

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn


class Average:
    """Follows a network's trained weights: after n updates with decay min(d, (1 + n) / (10 + n)).

    The ramp lets the average forget the random start (Tan and Le 2019 train with the same one, as TensorFlow's
    ExponentialMovingAverage has it).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._weights = trained(network)
        self._decay = decay
        self.updates = 0
        self.values = {name: weight.detach().clone() for name, weight in self._weights.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Moves towards the present weights."""
        share = 1 - min(self._decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(list(self.values.values()), list(self._weights.values()), share)
        self.updates += 1

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """The network with the average for its weights, for as long as this lasts."""
        kept = {name: weight.detach().clone() for name, weight in self._weights.items()}
        _assign(self._weights, self.values)
        try:
            yield
        finally:
            _assign(self._weights, kept)

    def restore(self, values: Mapping[str, Tensor], updates: int) -> None:
        """Goes on from an average that was kept."""
        _assign(self.values, values)
        self.updates = updates


def trained(network: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that a gradient reaches, by name."""
    return {name: weight for name, weight in network.named_parameters() if weight.requires_grad}


@torch.no_grad()
def _assign(into: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    for name, tensor in into.items():
        tensor.copy_(values[name])
