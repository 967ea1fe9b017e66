"""A store of a few pictures to learn from, and a tiny network that learns."""

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imedbench.masks import MaskInfo, Masks
from imedbench.store import PartWriter, Record, StoreInfo, create_store, finish_store
from imedbench.types import Case, Image

TINY = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "tiny.py"))


def discs(name: str, rng: np.random.Generator, split: str) -> Record:
    """A noisy picture of three bright discs, two of them truth."""
    rows, columns = np.indices((48, 40))
    dense = [(rows - y) ** 2 + (columns - x) ** 2 < r * r for y, x, r in rng.uniform((8, 8, 3), (40, 32, 8), (3, 3))]
    voxels = (np.any(dense, 0) * 120 + rng.integers(0, 80, (48, 40))).astype(np.uint8)
    image = Image(voxels, (1.0, 1.0), np.eye(4), "ct")
    infos = [MaskInfo("liver"), MaskInfo("spleen"), MaskInfo("", "interactive", 0, 0.9, 0.9, (20.0, 20.0))]
    masks = Masks.from_dense(dense, infos)
    return Record(Case(name, image, masks, split, "discs", name, name))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of seven pictures to learn from and two to test on."""
    path = tmp_path_factory.mktemp("learn") / "discs.zarr"
    rng = np.random.default_rng(5)
    create_store(path, StoreInfo("discs", {"discs": {}}, {"seed": 1}, {"imedbench": "0"}))
    with PartWriter(path, 0) as writer:
        for number in range(9):
            writer.add(discs(f"case{number}", rng, "train" if number < 7 else "test"))
    finish_store(path, [])
    return path


@pytest.fixture(scope="session")
def tiny() -> dict[str, Any]:
    """What tests/fakes/tiny.py offers."""
    return TINY
