"""A small PRISM, and volumes of bright boxes to learn from."""

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines.prism.course import PrismCourse
from baselines.prism.network import Prism
from imedbench.masks import MaskInfo, Masks
from imedbench.store import PartWriter, Record, StoreInfo, create_store, finish_store
from imedbench.types import Case, Image

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "prism.py"))
GRIDS = ((30, 40, 36), (12, 20, 50), (40, 33, 35))


@pytest.fixture(autouse=True)
def same_chance() -> None:
    """Weights that a test draws do not depend on the tests before it."""
    torch.manual_seed(7)


@pytest.fixture(scope="session")
def fake() -> dict[str, Any]:
    return FAKE


@pytest.fixture(scope="session")
def network() -> Prism:
    network: Prism = FAKE["fill"](Prism(FAKE["small"](relative="textbook", padding="none", dense="textbook")))
    return network


def volume(number: int, modality: str) -> Record:
    """Two bright boxes on noise; every second volume has one of them alone, in two parts."""
    grid = GRIDS[number % len(GRIDS)]
    first, second = np.zeros((2, *grid), bool)
    first[4:9, 3:12, 6:20] = True
    second[8:11, 14:19, 22:30] = True
    noise = np.random.default_rng(number).normal(0, 10, grid)
    voxels = (noise + 200 * first + 100 * second).astype(np.float32)
    dense, names = [first, second], ["liver", "spleen"]
    if number % 2:
        half = np.arange(grid[2]) < 12
        dense, names = [first & half, first & ~half], ["liver", "liver"]
    infos = [MaskInfo(name, instance=names[:index].count(name)) for index, name in enumerate(names)]
    image = Image(voxels, (2.0, 1.0, 1.0), np.eye(4), modality)
    name = f"volume{number}"
    masks, split = Masks.from_dense(dense, infos), "test" if number == 3 else "train"
    return Record(Case(name, image, masks, split, "boxes", name, name))


@pytest.fixture(scope="session")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("stores") / "boxes.zarr", "ct")


def write(path: Path, modality: str) -> Path:
    create_store(path, StoreInfo(path.stem, {"boxes": {}}, {"seed": 1}, {"imedbench": "0"}))
    with PartWriter(path, 0) as writer:
        for number in range(4):
            writer.add(volume(number, modality))
    finish_store(path, [])
    return path


def course(**tables: dict[str, Any]) -> PrismCourse:
    small: dict[str, Any] = {
        "loop": {"steps": 2, "batch": 2, "workers": 0, "seed": 3, "precision": "32-true"},
        "optimiser": {"rate": 1e-3, "clip": 1.0},
        "network": {**FAKE["SMALL"], "relative": "textbook", "padding": "none", "dense": "textbook"},
        "session": {"turns": 3, "points": 5},
    }
    names = small.keys() | tables.keys()
    return PrismCourse.model_validate({name: {**small.get(name, {}), **tables.get(name, {})} for name in names})


@pytest.fixture(scope="session")
def tools() -> dict[str, Any]:
    return {"course": course, "write": write, "volume": volume}
