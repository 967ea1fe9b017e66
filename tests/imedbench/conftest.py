"""A small store that has one of everything, for whatever reads stores."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from imedbench.masks import MaskInfo, Masks
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


@dataclass
class MemoryStore:
    """What `imedbench.store.Store` offers, held in memory."""

    info: Any
    cases: pa.Table
    masks: pa.Table
    problems: pa.Table
    held: dict[str, Case]

    @property
    def ids(self) -> list[str]:
        return list(self.held)

    def __len__(self) -> int:
        return len(self.held)

    def __contains__(self, name: str) -> bool:
        return name in self.held

    def __getitem__(self, name: str) -> Case:
        return self.held[name]

    def image(self, name: str) -> Image:
        return self.held[name].image

    original = image

    def case_masks(self, name: str) -> Masks:
        return self.held[name].masks


def memory_store(cases: list[Case], **settings: Any) -> MemoryStore:
    """The cases as a store with one quarantined study."""
    rows, masks = [], []
    for case in cases:
        plane = "/" in case.id
        rows.append(
            {
                "id": case.id,
                "dataset": case.dataset,
                "study": case.study,
                "patient": case.patient,
                "split": case.split,
                "modality": case.image.modality,
                "ndim": len(case.image.grid),
                "axis": 0 if plane else -1,
                "shape": list(case.image.grid),
                "channels": list(case.image.channels),
                "window": [],
                "gt": len(case.masks.of_kind("gt")),
                "interactive": len(case.masks.of_kind("interactive")),
                "original_array": "",
            }
        )
        areas, size = case.masks.areas(), int(np.prod(case.masks.shape))
        masks.extend(
            {
                "case": case.id,
                "target": entry.target,
                "kind": entry.kind,
                "fraction": float(area / size),
                "low": [0] * len(case.image.grid),
            }
            for entry, area in zip(case.masks.infos, areas, strict=True)
        )
    info = SimpleNamespace(
        name="sample", recipe={"alpha": RECIPE}, settings={"build": {}, **settings}, version={"imedbench": "0"}
    )
    tables = (pa.Table.from_pylist(rows), pa.Table.from_pylist(masks), pa.Table.from_pylist(list(PROBLEMS)))
    return MemoryStore(info, *tables, {case.id: case for case in cases})


@pytest.fixture(scope="session")
def sample_store() -> MemoryStore:
    return memory_store(all_cases(), counts=COUNTS, strangers={"odd name": 2})
