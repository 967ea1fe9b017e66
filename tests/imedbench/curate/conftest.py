"""A trunk that can be drawn in a line: rings of skin, fat and muscle about fat with an organ in it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from imedbench.curate.classes import classes

SPACING_MM = (3.0, 2.0, 2.0)
SKIN, FAT, MUSCLE, ORGAN, BONE, AIR = 20, -100, 55, 60, 400, -1000


@dataclass(frozen=True)
class Trunk:
    """Its CT, its labels, and its tissues in truth."""

    voxels: NDArray[np.int16]
    labels: NDArray[np.uint8]
    muscle: NDArray[np.bool_]
    visceral: NDArray[np.bool_]
    subcutaneous: NDArray[np.bool_]
    spacing_mm: tuple[float, float, float] = SPACING_MM


def _draw(*, gap_mm: float = 8.0, noise: float = 0.0) -> Trunk:
    """The muscle has a gap in front; the table lies behind."""
    names = classes("v2")
    _, y, x = np.meshgrid(np.zeros(20), (np.arange(100) - 50) * 2.0, (np.arange(104) - 52) * 2.0, indexing="ij")
    radius = np.hypot(y, x)
    voxels = np.full(radius.shape, AIR, np.float32)
    bone = (np.abs(x) < 12) & (y > -62) & (y < -40)
    organ = np.hypot(y - 5, x) < 22
    wall = (radius >= 48) & (radius < 60) & ~((np.abs(x) < gap_mm / 2) & (y > 0))
    voxels[radius < 84] = SKIN
    voxels[radius < 81] = FAT
    voxels[wall] = MUSCLE
    voxels[organ] = ORGAN
    voxels[bone] = BONE
    voxels[(np.abs(y + 92) < 3) & (np.abs(x) < 80)] = 100
    labels = np.zeros(radius.shape, np.uint8)
    labels[organ] = names.number("liver")
    labels[bone] = names.number("vertebrae_L3")
    free = ~bone & ~organ
    rng = np.random.default_rng(1)
    scanned = voxels + rng.normal(0, noise, voxels.shape) if noise else voxels
    return Trunk(
        np.rint(scanned).astype(np.int16),
        labels,
        wall & free,
        (radius < 48) & free,
        (radius >= 60) & (radius < 81) & free,
    )


@pytest.fixture(scope="session")
def draw() -> Callable[..., Trunk]:
    """Draws another: ``gap_mm`` of the muscle in front, ``noise`` in Hounsfield units."""
    return _draw


@pytest.fixture(scope="session")
def trunk() -> Trunk:
    return _draw()


@pytest.fixture(scope="session")
def noisy() -> Trunk:
    return _draw(noise=40.0)


MANIKIN_MM = (6.0, 5.0, 5.0)
SPINE = ("T8", "T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5")


@dataclass(frozen=True)
class Manikin:
    """A trunk of blocks where organs are: enough for what rules ask."""

    voxels: NDArray[np.int16]
    labels: NDArray[np.uint8]
    spacing_mm: tuple[float, float, float] = MANIKIN_MM

    def named(self, **names: str) -> "Manikin":
        """With structures under other names."""
        known = classes("v2")
        table = np.arange(256, dtype=np.uint8)
        for name, other in names.items():
            table[known.number(name)] = known.number(other)
        return Manikin(self.voxels, table[self.labels])

    def flipped(self, axis: int) -> "Manikin":
        return Manikin(np.flip(self.voxels, axis), np.flip(self.labels, axis))


def _block(manikin: Manikin, name: str, at: tuple[int, int, int], size: tuple[int, int, int], hu: int) -> None:
    where = tuple(slice(low, low + length) for low, length in zip(at, size, strict=True))
    manikin.labels[where] = classes("v2").number(name)
    manikin.voxels[where] = hu


@pytest.fixture
def manikin() -> Manikin:
    """z from below, y from behind, x from the patient's left."""
    shape = (62, 50, 70)
    _, y, x = np.meshgrid(np.zeros(shape[0]), np.arange(50) - 25, np.arange(70) - 35, indexing="ij")
    reach = np.hypot(y / 21, x / 31)
    voxels = np.full(shape, AIR, np.int16)
    voxels[reach < 1] = FAT
    voxels[(reach < 0.86) & (reach > 0.78)] = MUSCLE
    made = Manikin(voxels, np.zeros(shape, np.uint8))
    for place, name in enumerate(reversed(SPINE)):
        _block(made, f"vertebrae_{name}", (4 + 5 * place, 9, 32), (4, 6, 6), BONE)
    for number in range(6, 11):
        _block(made, f"rib_left_{number}", (58 - 4 * (number - 5), 12, 10), (2, 10, 3), BONE)
        _block(made, f"rib_right_{number}", (58 - 4 * (number - 5), 12, 57), (2, 10, 3), BONE)
    _block(made, "autochthon_left", (0, 8, 24), (62, 5, 6), MUSCLE)
    _block(made, "autochthon_right", (0, 8, 40), (62, 5, 6), MUSCLE)
    _block(made, "kidney_left", (22, 17, 20), (8, 6, 6), 40)
    _block(made, "kidney_right", (20, 17, 44), (8, 6, 6), 40)
    _block(made, "liver", (32, 18, 38), (12, 16, 16), 60)
    _block(made, "spleen", (34, 18, 16), (8, 8, 6), 50)
    _block(made, "stomach", (34, 30, 20), (8, 6, 8), 30)
    _block(made, "heart", (48, 26, 28), (10, 10, 12), 45)
    _block(made, "urinary_bladder", (2, 28, 31), (6, 8, 8), 10)
    return made


@pytest.fixture
def source(tmp_path: Path, trunk: Trunk) -> Path:
    """Two subjects in the published layout: one with a file a class, one with a file of all."""
    folder = tmp_path / "TotalSegmentator"
    for name in ("s0000", "s0001"):
        (folder / name).mkdir(parents=True)
        save(folder / name / "ct.nii.gz", trunk.voxels)
    (folder / "s0000" / "segmentations").mkdir()
    for number, name in enumerate(classes("v2").names, 1):
        save(folder / "s0000" / "segmentations" / f"{name}.nii.gz", (trunk.labels == number).astype(np.uint8))
    save(folder / "s0001" / "labels.nii.gz", trunk.labels)
    (folder / "meta.csv").write_text("image_id;split\ns0000;train\ns0001;test\n")
    return folder


def save(path: Path, voxels: NDArray[np.int16] | NDArray[np.uint8]) -> None:
    """(z, y, x) as the published files lie: from right to left and front to back."""
    z, y, x = SPACING_MM
    nibabel.Nifti1Image(voxels.transpose(2, 1, 0)[::-1, ::-1], np.diag([-x, -y, z, 1.0])).to_filename(path)


Write = Callable[[Path, NDArray[np.int16]], None]


@pytest.fixture
def write() -> Write:
    return save
