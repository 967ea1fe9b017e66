from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Write = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path) -> Write:
    """Writes a small file of the kind that its name's ending says, below the source folder."""

    def write(name: str, values: "NDArray[np.generic] | None" = None) -> Path:
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".png"):
            Image.fromarray(_picture() if values is None else values).save(path)
        else:
            voxels = _volume() if values is None else values
            nibabel.Nifti1Image(voxels, np.eye(4)).to_filename(path)
        return path

    return write


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


def _picture() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 255, (8, 9), np.uint8)


def _volume() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(100, 30, (5, 6, 7)).astype(np.float32)


@pytest.fixture
def labels() -> NDArray[np.uint8]:
    """(5, 6, 7) with the values 0, 1, 2."""
    values = np.zeros((5, 6, 7), np.uint8)
    values[1:3, 1:4] = 1
    values[3, 1:4] = 2
    return values


@pytest.fixture
def mask() -> NDArray[np.uint8]:
    """(8, 9) with the values 0 and 255."""
    values = np.zeros((8, 9), np.uint8)
    values[2:5, 2:6] = 255
    return values
