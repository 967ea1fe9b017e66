"""Training samples from a store, for torch: a picture, some of its masks, and a prompt of each sort for every mask.

The draw follows section 4.2 of the IMed-361M paper. It depends on the seed, the epoch and the case alone, so neither
the number of workers nor the order of cases changes it.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from imedbench.errors import BadStore
from imedbench.masks import Masks
from imedbench.store.csr import MaskRow
from imedbench.store.index import read_table
from imedbench.store.reader import Store, naming
from imedbench.store.scaling import draw_masks, draw_points, scale_masks, scale_picture
from imedbench.types import Array

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("id", "part", "shape", "image_array", "image_row", "masks_array", "masks_row")
COLOURS = 3


@dataclass(frozen=True, slots=True)
class SampleSettings:
    """What a sample is made of."""

    size: int = 1024
    """Rows and columns of pictures and masks; the aspect of the picture is not kept."""
    truth: int = 5
    """Truth masks a picture, drawn with replacement where there are fewer; 0 for none."""
    interactive: int = 5
    """Interactive masks a picture, likewise."""
    split: str = "train"
    seed: int = 0
    box_jitter: int = 0
    """Each side of a box moves by up to this many pixels, uniformly; the paper trains with 5."""
    interpolation: Literal["linear", "nearest"] = "linear"
    """Of pictures; masks are always nearest."""


class Sample(NamedTuple):
    """One picture with its chosen masks: truth first, then interactive ones. S is the size, K the masks."""

    case: str
    image: torch.Tensor
    """(3, S, S) uint8, red, green, blue; grey is repeated. Normalise on the device."""
    masks: torch.Tensor
    """(K, S, S) bool, none empty."""
    points: torch.Tensor
    """(K, 2) float32: a pixel (y, x) inside each mask, all equally likely."""
    boxes: torch.Tensor
    """(K, 2, 2) float32: low (y, x) and high, exclusive."""
    targets: tuple[str, ...]
    """Name of each mask; empty for an interactive mask of no known target."""
    interactive: torch.Tensor
    """(K,) bool."""


class Batch(NamedTuple):
    """Samples side by side: a further first axis on every tensor."""

    cases: tuple[str, ...]
    image: torch.Tensor
    masks: torch.Tensor
    points: torch.Tensor
    boxes: torch.Tensor
    targets: tuple[tuple[str, ...], ...]
    interactive: torch.Tensor


def collate(samples: Sequence[Sample]) -> Batch:
    """A batch of samples of the same settings: the ``collate_fn`` of a `DataLoader`."""
    stacked = {
        name: torch.stack([getattr(sample, name) for sample in samples])
        for name in ("image", "masks", "points", "boxes", "interactive")
    }
    cases = tuple(sample.case for sample in samples)
    return Batch(cases=cases, targets=tuple(sample.targets for sample in samples), **stacked)


class EpochSampler(Sampler[tuple[int, int]]):
    """Every case once an epoch in a new order, as (epoch, index); workers that stay alive see the epoch too.

    With several replicas each takes its share of the same order, filled up to equal lengths from its beginning.
    """

    def __init__(self, length: int, *, seed: int = 0, rank: int = 0, replicas: int = 1) -> None:
        self._length, self._seed, self._rank, self._replicas = length, seed, rank, replicas
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Call before each epoch; without it the first is repeated."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self._length // self._replicas)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.random.default_rng([self._seed, self.epoch]).permutation(self._length)
        whole = np.resize(order, len(self) * self._replicas)
        return ((self.epoch, int(index)) for index in whole[self._rank :: self._replicas])


class InteractiveDataset(Dataset[Sample]):
    """The pictures of one split that have a mask of every sort asked for; volumes are seen through their slices.

    Index it with a number, for epoch 0, or with (epoch, number) as `EpochSampler` gives them.
    """

    def __init__(self, store: Store, settings: SampleSettings | None = None) -> None:
        self.store, self.settings = store, settings or SampleSettings()
        self._rows = _eligible(store, self.settings)
        if not self._rows.num_rows:
            message = (
                f"{store.path}: no picture of the split {self.settings.split!r} has the masks that were asked for; "
                "choose another split, or ask for 0 masks of the kind that is missing."
            )
            raise BadStore(message)

    def __len__(self) -> int:
        count: int = self._rows.num_rows
        return count

    def __getitem__(self, which: int | tuple[int, int]) -> Sample:
        """One sample.

        Raises:
            BadStore: what the store holds of the case is damaged; the message names the case.
        """
        epoch, index = (0, which) if isinstance(which, int) else which
        if not 0 <= index < len(self):
            message = f"sample {index} of {len(self)}"
            raise IndexError(message)
        row = self._rows.slice(index, 1).to_pylist()[0]
        rng = np.random.default_rng([self.settings.seed, epoch, zlib.crc32(row["id"].encode())])
        with naming(row["id"]):
            masks = self._choose(self.store.mask_row(row["part"], row["masks_array"], row["masks_row"]), rng)
            voxels = self.store.array(row["part"], row["image_array"]).row(row["image_row"])
            picture = self._scaled(voxels[: row["shape"][0], : row["shape"][1]])
        points = draw_points(masks, rng)
        return Sample(
            case=row["id"],
            image=picture,
            masks=torch.from_numpy(draw_masks(masks)),
            points=torch.from_numpy(points),
            boxes=torch.from_numpy(self._boxes(masks, rng)),
            targets=tuple(mask.target for mask in masks.infos),
            interactive=torch.tensor([mask.kind == "interactive" for mask in masks.infos]),
        )

    def _choose(self, row: MaskRow, rng: np.random.Generator) -> Masks:
        """The masks of the sample at its size; the others are never decoded."""
        chosen: list[int] = []
        for kind, wanted in (("gt", self.settings.truth), ("interactive", self.settings.interactive)):
            there = row.of_kind("gt" if kind == "gt" else "interactive")
            if wanted and not len(there):
                message = f"all its {kind} masks are empty"
                raise BadStore(message)
            chosen += rng.choice(there, wanted, replace=len(there) < wanted).tolist() if wanted else []
        return scale_masks(row.decode(chosen), (self.settings.size, self.settings.size))

    def _scaled(self, picture: Array) -> torch.Tensor:
        size = self.settings.size
        if picture.ndim == 3 and picture.shape[2] == COLOURS - 1:
            # As networks for natural images are shown two channels everywhere here: with their mean.
            picture = np.concatenate([picture, picture.mean(2, keepdims=True).astype(np.uint8)], 2)
        scaled = scale_picture(picture, size, self.settings.interpolation)
        planes = torch.from_numpy(np.atleast_3d(scaled)).permute(2, 0, 1)
        if len(planes) == 1:
            return planes.expand(COLOURS, size, size)
        return planes[:COLOURS].contiguous()

    def _boxes(self, masks: Masks, rng: np.random.Generator) -> NDArray[np.float32]:
        boxes, jitter = masks.boxes(), self.settings.box_jitter
        if jitter:
            boxes = np.clip(boxes + rng.integers(-jitter, jitter + 1, boxes.shape), 0, self.settings.size)
            # A thin box must keep a pixel.
            boxes[:, 0] = np.minimum(boxes[:, 0], self.settings.size - 1)
            boxes[:, 1] = np.maximum(boxes[:, 1], boxes[:, 0] + 1)
        return boxes.astype(np.float32)


def _eligible(store: Store, settings: SampleSettings) -> "pa.Table":
    """The index rows of the pictures to draw from, only the columns that a sample needs."""
    import pyarrow.compute as pc

    fits = (pc.field("ndim") == 2) & (pc.field("split") == settings.split)
    for column, wanted in (("gt", settings.truth), ("interactive", settings.interactive)):
        if wanted:
            fits &= pc.field(column) > 0
    return read_table(store.path, "cases", COLUMNS, fits).combine_chunks()
