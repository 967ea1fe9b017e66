"""What a step of PRISM's training at 128 voxels keeps in memory, counted on tensors that have a shape and no voxels.

Every storage that an operation makes counts from then until nothing holds it any more: weights, what gradients need,
what an operation leaves. What libraries use inside an operation does not, and neither do gaps between storages.
"""

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from baselines.prism.course import PrismCourse
from baselines.prism.samples import PrismBatch
from baselines.prism.training import PrismTrainee
from baselines.training.course import read_course
from baselines.training.order import Place
from baselines.training.trainee import Chance

CARD_GIB = 24
GIB = 2**30


class Storages(TorchDispatchMode):
    """Counts the bytes of all storages that are alive."""

    def __init__(self) -> None:
        super().__init__()
        self.alive = self.peak = 0
        self._known: dict[int, int] = {}

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = function(*args, **(kwargs or {}))
        for each in tree_leaves(found):
            if isinstance(each, torch.Tensor):
                self._add(each.untyped_storage())
        return found

    def _add(self, storage: torch.UntypedStorage) -> None:
        if storage._cdata in self._known:
            return
        self._known[storage._cdata] = storage.nbytes()
        self.alive += storage.nbytes()
        self.peak = max(self.peak, self.alive)
        weakref.finalize(storage, self._drop, storage._cdata)

    def _drop(self, key: int) -> None:
        self.alive -= self._known.pop(key)


def step(course: PrismCourse, *, real: bool = False) -> int:
    """Bytes at the peak of a step of `course`: forward, backward and update."""
    with FakeTensorMode() if not real else torch.enable_grad(), Storages() as storages:
        trainee = PrismTrainee(course, None, Path())
        optimiser = torch.optim.AdamW(trainee.network.parameters())
        count, side = course.loop.batch, course.network.size
        box = torch.tensor([[side // 4] * 3 + [side // 2] * 3] * count)
        shape = (count, 1, side, side, side)
        batch = PrismBatch(torch.zeros(shape), torch.ones(shape), box)
        with torch.autocast("cpu", torch.bfloat16):
            places = tuple(Place(0, number, 0, number) for number in range(count))
            losses = trainee.round(trainee.begin(batch, Chance(1, places)), 0)
        losses["loss"].backward()
        optimiser.step()
        return storages.peak


@pytest.mark.parametrize("preset", ["plain", "ultra"])
def test_eleven_turns_at_128_fit_a_card(preset: str, record_property: Callable[[str, object], None]) -> None:
    course = read_course(PrismCourse, "baselines.prism", preset)
    assert course.network.size == 128
    assert course.session.turns == 11
    peak = step(course) / GIB
    record_property("peak, GiB", round(peak, 1))
    print(f"{preset}, batches of {course.loop.batch}: {peak:.1f} GiB")  # noqa: T201
    assert peak < CARD_GIB


def test_what_is_computed_again_is_not_kept() -> None:
    course = read_course(PrismCourse, "baselines.prism", "smoke")
    kept, again = (step(course.model_copy(update={"recompute": each})) for each in (False, True))
    assert again < 0.7 * kept


def test_what_is_counted_is_what_real_tensors_take() -> None:
    course = read_course(PrismCourse, "baselines.prism", "smoke")
    assert step(course) == pytest.approx(step(course, real=True), rel=0.02)
