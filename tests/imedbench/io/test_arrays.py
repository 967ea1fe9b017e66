from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imedbench.io import peek, read_image, read_label_map
from imedbench.io.arrays import members


@pytest.mark.parametrize(
    ("shape", "grid", "channels"),
    [
        ((5, 6), (5, 6), 1),
        ((5, 6, 1), (5, 6), 1),
        ((5, 6, 3), (5, 6), 3),
        ((4, 5, 6), (4, 5, 6), 1),
        ((4, 5, 6, 1), (4, 5, 6), 1),
        ((4, 5, 6, 2), (4, 5, 6), 2),
    ],
)
def test_shapes(tmp_path: Path, shape: tuple[int, ...], grid: tuple[int, ...], channels: int) -> None:
    voxels = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    np.save(tmp_path / "a.npy", voxels)
    np.savez_compressed(tmp_path / "b.npz", voxels)
    np.save(tmp_path / "c.npy", np.asfortranarray(voxels.astype(">i2")))
    for name in ("a.npy", "b.npz", "c.npy"):
        image, header = read_image(tmp_path / name), peek(tmp_path / name)
        assert image.grid == grid == header.shape
        assert len(image.channels) == channels == header.channels
        assert np.array_equal(image.voxels.reshape(shape), voxels)
        assert image.voxels.dtype == np.int16
        assert header.dtype == "int16"
        assert image.spacing_mm == (1,) * len(grid) == header.spacing_mm


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4, 5, 6), (2, 3, 4, 99), ()])
def test_shapes_that_are_no_image(tmp_path: Path, refused: Any, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape))
    with refused(tmp_path / "a.npy", "neither a picture nor a volume|holds no voxel"):
        read_image(tmp_path / "a.npy")


def test_the_challenge_layout(tmp_path: Path) -> None:
    """MedSAM and CVPR 2025: imgs, gts, and ITK's spacing, which is (x, y, z)."""
    images, labels = np.random.default_rng(0).integers(0, 4, (2, 4, 5, 6)).astype(np.uint8)
    path = tmp_path / "a.npz"
    np.savez_compressed(path, imgs=images, gts=labels, spacing=(0.5, 0.75, 3.0), boxes=np.zeros((1, 6)))
    image = read_image(path, modality="ct")
    assert np.array_equal(image.voxels, images)
    assert image.spacing_mm == (3.0, 0.75, 0.5) == peek(path).spacing_mm
    masks = read_label_map(path, image, {1: "a", 2: "b", 3: "c"})
    assert np.array_equal(masks["b"], labels == 2)


def test_spacing_is_in_array_order_elsewhere(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image=np.zeros((4, 5, 6)), spacing=(3.0, 0.75, 0.5))
    image = read_image(tmp_path / "a.npz")
    assert image.spacing_mm == (3.0, 0.75, 0.5)
    assert (image.affine @ (1, 1, 1, 1)).tolist() == [0.5, 0.75, 3, 1]
    np.savez(tmp_path / "b.npz", image=np.zeros((5, 6)), spacing=(0.75, 0.5))
    assert read_image(tmp_path / "b.npz").spacing_mm == (0.75, 0.5)


def test_arrays_that_cannot_be_told_apart(tmp_path: Path, refused: Any) -> None:
    np.savez(tmp_path / "a.npz", left=np.zeros((5, 6)), right=np.zeros((5, 6)))
    with refused(tmp_path / "a.npz", "holds the arrays left, right, and none called imgs or image"):
        read_image(tmp_path / "a.npz")


def test_headers_are_read_without_the_arrays(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", image=np.zeros((500, 400, 30), np.float32), other=np.zeros(3))
    with members(tmp_path / "a.npz") as held:
        assert held["image"].shape == (500, 400, 30)
        assert held["image"].dtype == np.float32
        assert held["other"].read().shape == (3,)


def test_encrypted_archives(tmp_path: Path, refused: Any) -> None:
    np.savez(tmp_path / "a.npz", image=np.zeros((5, 6)))
    whole = bytearray((tmp_path / "a.npz").read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        whole[whole.index(mark) + offset] |= 1
    (tmp_path / "a.npz").write_bytes(whole)
    with refused(tmp_path / "a.npz", "encrypted"):
        read_image(tmp_path / "a.npz")
