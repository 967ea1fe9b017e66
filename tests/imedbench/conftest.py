"""A small store that has one of everything, for whatever reads stores."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imedbench.masks import MaskInfo, Masks
from imedbench.store import PartWriter, Record, Store, StoreInfo, create_store, finish_store
from imedbench.types import Case, Image, SourceGrid, Split

PROBLEMS = (
    {"study": "bad1", "path": "raw/bad1.nii.gz", "error": "raw/bad1.nii.gz: holds 3 NaN voxels; replace them."},
)
RECIPE = {
    "name": "alpha",
    "title": "Alpha set",
    "licence": "CC-BY-4.0",
    "url": "https://example.org/alpha",
    "citation": "A. Author, 2020.",
}
COUNTS = {"truth masks under the least area": 4, "slices without a truth mask": 9}


def box_mask(shape: tuple[int, ...], low: tuple[int, ...], high: tuple[int, ...]) -> Any:
    """A bool array that is true in a box."""
    mask = np.zeros(shape, np.bool_)
    mask[tuple(slice(first, last) for first, last in zip(low, high, strict=True))] = True
    return mask


def volume() -> Case:
    """CT, int16, 5 mm slices, a file whose axes ran (i, j, k) = (x, -y, z); the tumour lies in the liver."""
    shape = (6, 20, 16)
    voxels = np.random.default_rng(1).integers(-1000, 1000, shape).astype(np.int16)
    affine = np.array([[0, 0, 1.5, -10], [0, 2, 0, -20], [5, 0, 0, 30], [0, 0, 0, 1.0]])
    # File index (i, j, k) with j = 19 - y.
    file_affine = np.array([[1.5, 0, 0, -10], [0, -2, 0, -20 + 38], [0, 0, 5, 30], [0, 0, 0, 1.0]])
    source = SourceGrid(file_affine, (2, 1, 0), (False, True, False))
    image = Image(voxels, (5.0, 2.0, 1.5), affine, "ct", source=source)
    masks = Masks.from_dense(
        [
            box_mask(shape, (1, 2, 3), (5, 15, 12)),
            box_mask(shape, (2, 4, 5), (4, 8, 9)),
            box_mask(shape, (0, 16, 0), (6, 19, 4)),
        ],
        [MaskInfo("liver"), MaskInfo("liver tumor", instance=1), MaskInfo("spleen")],
    )
    return Case("s1", image, masks, "train", "alpha", "p1", "s1", {"source": "raw/s1.nii.gz"})


def picture(name: str, patient: str, split: Split, shape: tuple[int, int] = (40, 30)) -> Case:
    """8-bit CT picture with three truth masks (one of two instances) and interactive masks that overlap."""
    rng = np.random.default_rng(len(name))
    image = Image(rng.integers(0, 256, shape).astype(np.uint8), (0.8, 0.8), np.diag([1.0, 0.8, 0.8, 1.0]), "ct")
    truth = Masks.from_dense(
        [
            box_mask(shape, (4, 4), (20, 20)),
            box_mask(shape, (6, 6), (10, 10)),
            box_mask(shape, (14, 14), (18, 18)),
        ],
        [MaskInfo("liver"), MaskInfo("liver tumor", instance=1), MaskInfo("liver tumor", instance=2)],
    )
    interactive = Masks.from_dense(
        [box_mask(shape, (2, 2), (22, 25)), box_mask(shape, (10, 8), (16, 30)), box_mask(shape, (10, 8), (12, 10))],
        [
            MaskInfo("", "interactive", 0, 0.95, 0.97, (11.5, 8.25)),
            MaskInfo("", "interactive", 0, 0.9, 0.96, (13.0, 20.0)),
            MaskInfo("liver", "interactive", 0, 0.8, 0.99, (11.0, 9.0)),
        ],
    )
    return Case(name, image, Masks.concatenate([truth, interactive]), split, "alpha", patient, name.split("/")[0])


def fundus() -> Case:
    """A colour picture of another set."""
    shape = (32, 48)
    voxels = np.random.default_rng(5).integers(0, 256, (*shape, 3)).astype(np.uint8)
    image = Image(voxels, (1.0, 1.0), np.diag([1.0, 1.0, 1.0, 1.0]), "fundus", ("red", "green", "blue"))
    masks = Masks.from_dense([box_mask(shape, (10, 10), (20, 22))], [MaskInfo("optic disc")])
    return Case("eye.1", image, masks, "external", "beta", "e1", "eye.1")


def all_cases() -> list[Case]:
    """A volume, two of its slices, a test picture, a surplus test picture, a picture of another set."""
    return [
        volume(),
        picture("s1/z0001", "p1", "train"),
        picture("s1/z0002", "p1", "train"),
        picture("s2", "p2", "test"),
        picture("s3", "p3", "reserve"),
        fundus(),
    ]


def write_store(path: Path, cases: Sequence[Case], **info: Any) -> Store:
    """The cases as a store of two parts with one quarantined study."""
    defaults = {"name": "sample", "recipe": {"alpha": RECIPE}, "settings": {}, "version": {"imedbench": "0.1.0"}}
    create_store(path, StoreInfo(**defaults | info))
    for part, held in enumerate((cases[:3], cases[3:])):
        with PartWriter(path, part) as writer:
            for case in held:
                axis, index = (0, int(case.id[-4:])) if "/z" in case.id else (-1, -1)
                writer.add(Record(case, axis, index, case.study if axis == 0 else ""))
    finish_store(path, PROBLEMS)
    return Store.open(path)


@pytest.fixture(scope="session")
def make_store(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Store]:
    """Called with cases, makes a store of them in a new folder."""

    def make(cases: Sequence[Case], **info: Any) -> Store:
        return write_store(tmp_path_factory.mktemp("store") / "sample", cases, **info)

    return make


@pytest.fixture(scope="session")
def sample_cases() -> list[Case]:
    return all_cases()


@pytest.fixture(scope="session")
def sample_store(make_store: Callable[..., Store], sample_cases: list[Case]) -> Store:
    settings = {"build": {"seed": 0}, "counts": COUNTS, "strangers": {"odd name": 2}}
    return make_store(sample_cases, settings=settings)
