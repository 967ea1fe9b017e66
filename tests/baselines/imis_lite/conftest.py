"""LiteMedSAM, networks that start from it, and pictures to look at and to learn from."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from baselines.imis_lite.encoder import SIDE, Features, encode
from baselines.imis_lite.network import ImisLite, from_lite_medsam
from baselines.sam.network import lite_medsam
from imedbench.masks import MaskInfo, Masks
from imedbench.store import PartWriter, Record, StoreInfo, create_store, finish_store
from imedbench.types import Case, Image, Mask

GRIDS = ((48, 64), (60, 60), (64, 40), (52, 64), (64, 64))


def disc(grid: tuple[int, int], middle: tuple[float, float], radius: float) -> Mask:
    rows, columns = np.indices(grid)
    inside: Mask = (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2 <= radius**2
    return inside


def phantom(grid: tuple[int, int]) -> Image:
    """A bright disc, off the middle, on a grey ramp with noise."""
    height, width = grid
    inside = disc(grid, (0.4 * height, 0.55 * width), 0.2 * min(grid))
    ramp = np.linspace(20, 60, width)[None] + 120 * inside
    noise = np.random.default_rng(3).integers(0, 20, grid)
    return Image((ramp + noise).astype(np.uint8), (1.0, 1.0), np.eye(4), "ct")


def awake(network: ImisLite) -> ImisLite:
    """With small numbers for all weights that are zero at first, so that every part has a say."""
    chance = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in network.parameters():
            if not weight.any():
                weight.normal_(std=0.05, generator=chance)
    return network


def infos(truths: int, interactive: int) -> list[MaskInfo]:
    again = MaskInfo("", "interactive", 0, 0.9, 0.9, (5.0, 5.0))
    return [*(MaskInfo(f"organ{number}") for number in range(truths)), *[again] * interactive]


def record(number: int, split: Any = "train") -> Record:
    """Two discs that are truth, half of the first and a third disc that are interactive; one picture has only these."""
    grid = GRIDS[number % len(GRIDS)]
    first, second, third = (disc(grid, middle, 7) for middle in ((14, 14), (34, 28), (15, 31)))
    half = first & (np.indices(grid)[1] < 14)
    dense, told = [first, second, half, third], infos(2, 2)
    if number == 1:
        dense, told = dense[2:], infos(0, 2)
    noise = np.random.default_rng(number).integers(0, 60, grid)
    image = Image((np.any(dense, 0) * 120 + noise).astype(np.uint8), (1.0, 1.0), np.eye(4), "ct")
    name = f"case{number}"
    return Record(Case(name, image, Masks.from_dense(dense, told), split, "discs", name, name))


def write_store(path: Path, records: list[Record]) -> Path:
    create_store(path, StoreInfo(path.stem, {"discs": {}}, {"seed": 1}, {"imedbench": "0"}))
    with PartWriter(path, 0) as writer:
        for each in records:
            writer.add(each)
    finish_store(path, [])
    return path


@pytest.fixture(autouse=True)
def same_chance() -> None:
    """Weights that a test draws do not depend on the tests before it."""
    torch.manual_seed(7)


@pytest.fixture(scope="session")
def lite() -> Any:
    return lite_medsam()


@pytest.fixture(scope="session")
def fresh(lite: Any) -> ImisLite:
    """As training begins with it."""
    torch.manual_seed(0)
    return from_lite_medsam(lite).eval()


@pytest.fixture(scope="session")
def network(lite: Any) -> ImisLite:
    """All of its parts have a say."""
    torch.manual_seed(1)
    return awake(from_lite_medsam(lite)).eval()


@pytest.fixture(scope="session")
def squares() -> Tensor:
    """(2, 256, 256, 3): two pictures that fill the encoder's square."""
    voxels = np.stack([phantom((SIDE, SIDE)).voxels, phantom((SIDE, SIDE)).voxels[::-1] // 2])
    return torch.from_numpy(np.repeat(voxels[..., None], 3, 3))


@pytest.fixture(scope="session")
def features(lite: Any, squares: Tensor) -> Features:
    """Of both pictures."""
    return encode(lite.image_encoder, squares)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of five pictures to learn from and one to test on."""
    records = [record(number) for number in range(5)] + [record(5, "test")]
    return write_store(tmp_path_factory.mktemp("learn") / "discs.zarr", records)


@pytest.fixture(scope="session")
def tools() -> dict[str, Any]:
    """What makes them."""
    return {"disc": disc, "phantom": phantom, "awake": awake, "record": record, "infos": infos, "write": write_store}
