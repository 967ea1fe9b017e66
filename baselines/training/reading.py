"""Samples, read ahead by workers; a sample that cannot be read stops the run with its own words."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch.utils.data import DataLoader, Dataset

from baselines.training.order import Order, Place, Shares
from baselines.training.trainee import Samples
from imedbench.errors import ImedbenchError


class Read(NamedTuple):
    """A batch, and the places its samples come from."""

    places: tuple[Place, ...]
    batch: Any


def batches(samples: Samples, order: Order, *, workers: int, device: torch.device) -> Iterator[Read]:
    """The batches of this order, on the device.

    Raises:
        ImedbenchError: a sample cannot be read; the message names its case.
    """
    loader = DataLoader(
        _Told(samples),
        batch_sampler=order,
        collate_fn=_Collate(samples),
        num_workers=workers,
        pin_memory=device.type == "cuda",
        multiprocessing_context="spawn" if workers else None,
    )
    for read in loader:
        if isinstance(read, ImedbenchError):
            raise read
        yield Read(read.places, to_device(read.batch, device))


def to_device(batch: Any, device: torch.device) -> Any:
    """The same tuples, lists and dicts, with their tensors on the device."""
    if isinstance(batch, torch.Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, dict):
        return {name: to_device(value, device) for name, value in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(to_device(value, device) for value in batch))
    if isinstance(batch, list | tuple):
        return type(batch)(to_device(value, device) for value in batch)
    return batch


class _Told(Dataset[Any]):
    """Samples with their places; an error meant for a person becomes a sample of its own.

    Torch would wrap it into the traceback of a worker.
    """

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def __getitem__(self, place: Place) -> tuple[Place, Any]:
        try:
            return place, self._samples[place]
        except ImedbenchError as problem:
            return place, problem


class _Collate:
    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def __call__(self, found: Sequence[tuple[Place, Any]]) -> Read | ImedbenchError:
        places, samples = zip(*found, strict=True)
        for sample in samples:
            if isinstance(sample, ImedbenchError):
                return sample
        return Read(places, self._samples.collate(samples))


def order_of(samples: Samples, shares: Shares, *, seed: int, steps: range) -> Order:
    """The order in which a rank meets the samples.

    Raises:
        ValueError: there are none.
    """
    if not len(samples):
        message = "there is nothing to learn from"
        raise ValueError(message)
    return Order(len(samples), shares, seed=seed, steps=steps)
