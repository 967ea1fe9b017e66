"""What PRISM learns from: cubes of volumes, each around a voxel of a target."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baselines.prism.course import PrismCourse
from baselines.prism.cubes import around, box_of, cut, varied
from baselines.prism.intake import Intake, Scaling, Voxels, measure, of_each
from baselines.training.order import Place
from baselines.training.trainee import Samples
from imedbench.errors import BadStore, printable
from imedbench.masks import Masks
from imedbench.store import Store
from imedbench.types import Mask

SPLIT = "train"
_MEASURED = 64
"""Volumes that an intake is measured in, evenly spread, at most."""
_CALIBRATED = {"ct", "cta"}
"""Modalities whose intensities mean the same in each volume."""


class Volume(NamedTuple):
    """At the network's spacing."""

    voxels: Voxels
    """(z, y, x), normalised."""
    beyond: float
    """What lies outside."""
    targets: dict[str, Mask]


class PrismSample(NamedTuple):
    """One cube; axes are x, y, z, as in the published code."""

    image: Tensor
    """(1, S, S, S), normalised."""
    truth: Tensor
    """(1, S, S, S) of 0 and 1, never empty."""
    box: Tensor
    """(6,) that the user gives: first voxels, then one beyond the last."""


class PrismBatch(NamedTuple):
    """Samples side by side."""

    image: Tensor
    truth: Tensor
    box: Tensor


class PrismSamples(Samples):
    """The targets of the training volumes of several stores."""

    def __init__(self, stores: Sequence[Store], course: PrismCourse) -> None:
        """Reads the stores' indexes, and measures the intensities where the course does not say them.

        Raises:
            BadStore: no store has a volume with a target to learn.
        """
        self._stores, self._course = list(stores), course
        self._goals = [goal for number, store in enumerate(stores) for goal in _goals(store, number, course)]
        if not self._goals:
            wanted = ", ".join(course.data.targets) or "any target"
            message = (
                f"{printable(stores[0].path)}: no volume of its split {SPLIT!r} has {wanted}; build it with "
                "volumes and labels, or name other data.targets."
            )
            raise BadStore(message)
        self._volumes: OrderedDict[tuple[int, str], Volume] = OrderedDict()
        self._held = 0
        """Bytes of them."""
        self.intake = course.data.intake or self._measure()

    def __len__(self) -> int:
        return len(self._goals)

    def __getitem__(self, place: Place) -> PrismSample:
        number, case, target = self._goals[place.sample]
        rng = np.random.default_rng([self._course.loop.seed, place.epoch, place.sample])
        volume, beyond, masks = self._volume(number, case)
        mask, size = masks[target], self._course.network.size
        voxels = np.argwhere(mask)
        corner = around(voxels[rng.integers(len(voxels))], volume.shape, size)
        image = cut(volume, corner, size, beyond=beyond).T
        truth = cut(mask, corner, size, beyond=False).T
        seen, told = varied(image, truth, self._course.data, rng)
        return PrismSample(seen, told, torch.from_numpy(self._box(told.numpy()[0], rng)))

    def collate(self, samples: Sequence[PrismSample]) -> PrismBatch:
        """A batch."""
        return PrismBatch(*(torch.stack(each) for each in zip(*samples, strict=True)))

    def _box(self, truth: Mask, rng: np.random.Generator) -> NDArray[np.int64]:
        box, stray = box_of(truth), self._course.session.box_stray
        out = rng.integers(0, stray + 1, 6)
        return np.concatenate([box[:3] - out[:3], box[3:] + out[3:]]).clip(0, self._course.network.size)

    def _volume(self, number: int, case: str) -> Volume:
        """At the network's spacing and normalised, what lies beyond it, and its targets."""
        key = number, case
        if key not in self._volumes:
            self._volumes[key] = self._read(number, case, self.intake)
            self._held += _size(self._volumes[key])
            while self._held > self._course.data.memory_gb * 1e9 and len(self._volumes) > 1:
                self._held -= _size(self._volumes.popitem(last=False)[1])
        self._volumes.move_to_end(key)
        return self._volumes[key]

    def _read(self, number: int, case: str, intake: Intake) -> Volume:
        found = self._stores[number][case]
        scaling = Scaling.to_spacing(found.image, intake.spacing_mm)
        voxels = found.image.voxels
        seen, beyond = intake.normalise(scaling.down(voxels[..., 0] if voxels.ndim > 3 else voxels))
        return Volume(seen, beyond, {name: scaling.mask(mask) for name, mask in _targets(found.masks).items()})

    def _measure(self) -> Intake:
        """From the intensities inside targets, if those of all volumes mean the same."""
        spacing = self._course.data.spacing_mm
        modalities = {
            row["modality"]
            for store in self._stores
            for batch in store.scan("cases", ["modality", "ndim"])
            for row in batch.to_pylist()
            if row["ndim"] == 3
        }
        if not modalities <= _CALIBRATED:
            return of_each(spacing)
        chosen = self._goals[:: -(-len(self._goals) // _MEASURED)]
        inside = []
        for number, case, target in chosen:
            found = self._stores[number][case]
            inside.append(found.image.voxels[_targets(found.masks)[target]])
        return measure(inside, spacing)


def _size(volume: Volume) -> int:
    return volume.voxels.nbytes + sum(mask.nbytes for mask in volume.targets.values())


def _targets(masks: Masks) -> dict[str, Mask]:
    """All of each name together."""
    found: dict[str, Mask] = {}
    for index, info in enumerate(masks.infos):
        if info.kind == "gt":
            found[info.target] = found[info.target] | masks[index] if info.target in found else masks[index]
    return found


def _goals(store: Store, number: int, course: PrismCourse) -> list[tuple[int, str, str]]:
    """Number of the store, case and target, of all that is to be learned from it."""
    volumes = {
        row["id"]
        for batch in store.scan("cases", ["id", "ndim", "split"])
        for row in batch.to_pylist()
        if row["ndim"] == 3 and row["split"] == SPLIT
    }
    wanted = set(course.data.targets)
    found = {
        (number, row["case"], row["target"]): None
        for batch in store.scan("masks", ["case", "target", "kind", "area"])
        for row in batch.to_pylist()
        if row["kind"] == "gt" and row["area"] and row["case"] in volumes and (not wanted or row["target"] in wanted)
    }
    return list(found)
