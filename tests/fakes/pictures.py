"""A store of a few pictures to learn from, made in a moment."""

from pathlib import Path

import numpy as np

from imedbench.masks import MaskInfo, Masks
from imedbench.store import PartWriter, Record, StoreInfo, create_store, finish_store
from imedbench.types import Case, Image

INFOS = [MaskInfo("liver"), MaskInfo("spleen"), *[MaskInfo("", "interactive", 0, 0.9, 0.9, (20.0, 20.0))] * 2]


def write_pictures(path: Path, train: int = 7, test: int = 2) -> Path:
    """Noisy pictures of bright discs, two of them truth and two interactive masks."""
    rng = np.random.default_rng(5)
    create_store(path, StoreInfo("discs", {"discs": {}}, {"seed": 1}, {"imedbench": "0"}))
    with PartWriter(path, 0) as writer:
        for number in range(train + test):
            writer.add(_discs(f"case{number}", "train" if number < train else "test", rng))
    finish_store(path, [])
    return path


def _discs(name: str, split: str, rng: np.random.Generator) -> Record:
    rows, columns = np.indices((48, 40))
    places = rng.uniform((8, 8, 3), (40, 32, 8), (len(INFOS), 3))
    dense = [(rows - y) ** 2 + (columns - x) ** 2 < r * r for y, x, r in places]
    voxels = (np.any(dense, 0) * 120 + rng.integers(0, 80, (48, 40))).astype(np.uint8)
    image = Image(voxels, (1.0, 1.0), np.eye(4), "ct")
    masks = Masks.from_dense(dense, INFOS)
    return Record(Case(name, image, masks, split, "discs", name, name))  # type: ignore[arg-type]
