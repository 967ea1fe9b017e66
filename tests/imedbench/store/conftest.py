"""Small cases of every sort that a store holds, all made from a seed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from imedbench.masks import MaskInfo, Masks
from imedbench.store import PartWriter, Record, StoreInfo, create_store, finish_store
from imedbench.types import Case, Image, SourceGrid

TURNED = np.array([[-1.0, 0, 0, 90], [0, -1, 0, 120], [0, 0, 2.5, -30], [0, 0, 0, 1]])


def blobs(shape: tuple[int, ...], count: int, rng: np.random.Generator) -> Masks:
    """Ellipsoids, the odd ones interactive with scores and points, the last one empty."""
    grids = np.indices(shape)
    dense, infos = [], []
    for number in range(count):
        centre = [rng.uniform(0.2, 0.8) * side for side in shape]
        radii = [rng.uniform(0.1, 0.3) * side for side in shape]
        dense.append(sum(((g - c) / r) ** 2 for g, c, r in zip(grids, centre, radii, strict=True)) < 1)
        if number % 2:
            point = tuple(round(c * 16) / 16 for c in centre)
            infos.append(MaskInfo("", "interactive", 0, 0.8765, 0.9512, point))
        else:
            infos.append(MaskInfo(("liver", "left kidney")[number // 2 % 2], instance=number))
    dense.append(np.zeros(shape, bool))
    infos.append(MaskInfo("spleen"))
    return Masks.from_dense(dense, infos)


def case(name: str, image: Image, masks: Masks, split: str = "train") -> Case:
    study = name.split("/")[0]
    return Case(name, image, masks, split, "made", f"patient of {study}", study, {"files": f"{study}.nii"})  # type: ignore[arg-type]


def picture(voxels: np.ndarray, channels: tuple[str, ...] = ("",)) -> Image:
    return Image(voxels, (0.5, 0.75), np.diag([0.75, 0.5, 1.0, 1.0]), "xray", channels)


def volume_records(rng: np.random.Generator, shape: tuple[int, int, int] = (5, 20, 37)) -> list[Record]:
    """A volume and three of its slices, one across each axis."""
    voxels = rng.integers(-1000, 1000, shape).astype(np.int16)
    grid = SourceGrid(TURNED, (2, 1, 0), (False, True, True))
    image = Image(voxels, (2.5, 1.0, 1.5), TURNED, "ct", ("",), grid)
    records = [Record(case("volume", image, blobs(shape, 3, rng)), window=(-160.0, 240.0))]
    for axis, index in ((0, 3), (1, 19), (2, 0)):
        plane = voxels.take(index, axis)[::-1, ::-1]
        eight = np.clip((plane.astype(float) + 160) / 400 * 255, 0, 255).astype(np.uint8)
        spacing = tuple(s for a, s in enumerate(image.spacing_mm) if a != axis)
        slice_image = replace(image, voxels=eight, spacing_mm=spacing, source=None)
        name = f"volume/{'zyx'[axis]}{index:04d}"
        masks = blobs(eight.shape, 4, rng)
        records.append(Record(case(name, slice_image, masks), axis, index, "volume", (-160.0, 240.0)))
    return records


def picture_records(rng: np.random.Generator) -> list[Record]:
    """Grey, RGB, one with an axis of one channel, one of 16 bits, one whose original is itself."""
    grey = picture(rng.integers(0, 256, (40, 51), np.uint8))
    colour = picture(rng.integers(0, 256, (33, 64, 3), np.uint8), ("red", "green", "blue"))
    single = picture(rng.integers(0, 256, (30, 30, 1), np.uint8))
    deep = picture(rng.integers(0, 65536, (40, 50), np.uint16))
    eight = picture((deep.voxels >> 8).astype(np.uint8))
    return [
        Record(case("grey", grey, blobs((40, 51), 5, rng))),
        Record(case("colour", colour, blobs((33, 64), 2, rng), "test")),
        Record(case("single", single, Masks.empty((30, 30)), "external")),
        Record(case("deep", eight, blobs((40, 50), 2, rng)), window=(0.0, 65535.0), original=deep),
        Record(case("same", grey, blobs((40, 51), 1, rng)), window=(0.0, 255.0), original=grey),
    ]


def every_record() -> list[Record]:
    """The same on every call."""
    rng = np.random.default_rng(20240607)
    return [*volume_records(rng), *picture_records(rng)]


Build = Callable[[Sequence[Sequence[Record]]], Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Writes a finished store, one part a list of records."""

    def written(parts: Sequence[Sequence[Record]]) -> Path:
        path = tmp_path / "store"
        create_store(path, StoreInfo("made", {"made": {}}, {"seed": 1}, {"imedbench": "0"}))
        for number, records in enumerate(parts):
            with PartWriter(path, number) as writer:
                for record in records:
                    writer.add(record)
        finish_store(path, [{"study": "broken", "path": "raw/broken.nii.gz", "error": "raw/broken.nii.gz: cut short."}])
        return path

    return written


@pytest.fixture
def records() -> list[Record]:
    return every_record()
