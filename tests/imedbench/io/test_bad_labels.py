"""Labels that cannot be used: one sentence each, with file, fact and remedy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from imedbench.io import (
    MaskFile,
    is_image,
    read_colours,
    read_csr,
    read_image,
    read_label_map,
    read_mask_files,
)

SHAPE = (5, 6, 7)


def test_shape_mismatch(nifti: Callable[..., Path], refused: Any) -> None:
    image = read_image(nifti("image.nii.gz"))
    label = nifti("label.nii.gz", voxels=np.ones((5, 6, 8), np.uint8))
    with refused(label, r"shape \(8, 6, 5\) where the image has \(7, 6, 5\)"):
        read_label_map(label, image, {1: "liver"})
    assert is_image(label)


@pytest.mark.parametrize(
    ("affine", "fact"),
    [
        (np.diag([2, 3, 4.5, 1]), r"spacing of \(4\.5, 3, 2\) mm where the image has \(4, 3, 2\) mm"),
        ([[2, 0, 0, 1.5], [0, 3, 0, 0], [0, 0, 4, 0], [0, 0, 0, 1]], r"lies up to 1\.5 mm away .*\(1\.5, 0, 0\)"),
        ([[2, 0, 0, 0], [0, 2.9, -0.7, 0], [0, 0.7, 3.9, 0], [0, 0, 0, 1]], "where the image|lies up to"),
        ([[2, 0, 0, 500], [0, 3, 0, 0], [0, 0, 4, 0], [0, 0, 0, 1]], r"lies outside its image.*\(500, 0, 0\)"),
    ],
)
def test_geometry_that_disagrees(nifti: Callable[..., Path], refused: Any, affine: Any, fact: str) -> None:
    image = read_image(nifti("image.nii.gz"))
    label = nifti("label.nii.gz", voxels=np.ones(SHAPE, np.uint8), affine=np.array(affine, float))
    with refused(label, fact):
        read_label_map(label, image, {1: "liver"})
    with refused(label, "first channel"):
        read_image(nifti("image.nii.gz"), channels=[label])


def test_a_label_without_orientation_is_not_guessed(nifti: Callable[..., Path], tmp_path: Path, refused: Any) -> None:
    np.save(tmp_path / "label.npy", np.ones(SHAPE[::-1], np.uint8))
    with refused(tmp_path / "label.npy", "it holds no orientation"):
        read_label_map(tmp_path / "label.npy", read_image(nifti()), {1: "liver"})


def test_values_not_in_the_recipe(nifti: Callable[..., Path], refused: Any) -> None:
    voxels = np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(np.int16) % 15
    path = nifti(voxels=voxels)
    with refused(path, r"values 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 3 more, which the recipe does not name"):
        read_label_map(path, read_image(path), {1: "liver"})


def test_empty_label(nifti: Callable[..., Path], tmp_path: Path, refused: Any) -> None:
    path = nifti(voxels=np.zeros(SHAPE, np.uint8))
    image = read_image(path)
    with refused(path, "empty label"):
        read_label_map(path, image, {1: "liver"})
    with refused(tmp_path, "empty label"):
        read_mask_files([MaskFile(path, "liver"), MaskFile(path, "spleen")], image)
    PillowImage.new("RGB", (8, 9)).save(tmp_path / "c.png")
    with refused(tmp_path / "c.png", "empty label"):
        read_colours(tmp_path / "c.png", read_image(tmp_path / "c.png"), {(255, 0, 0): "liver"})


def test_labels_that_are_not_whole(nifti: Callable[..., Path], refused: Any) -> None:
    voxels = np.zeros(SHAPE, np.float32)
    voxels[0, 0, :4] = 1.5
    path = nifti(voxels=voxels)
    with refused(path, r"4 values that are not whole numbers, for example 1\.5"):
        read_label_map(path, read_image(path), {1: "liver"})


def test_a_mask_of_many_values(nifti: Callable[..., Path], refused: Any) -> None:
    path = nifti()
    with refused(path, r"holds 4[0-9] values where the mask of one target has two"):
        read_mask_files([MaskFile(path, "liver")], read_image(path))


def test_csr_without_shape_or_names(tmp_path: Path, refused: Any) -> None:
    from scipy.sparse import csr_matrix, save_npz

    PillowImage.new("L", (5, 4)).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    dense = np.zeros((3, 20), np.int32)
    dense[1, 4:9] = 1
    plain, wrong, right = (tmp_path / f"a{shape}.npz" for shape in ("", ".(2, 4, 5, 1)", ".(3, 4, 5, 1)"))
    for path in (plain, wrong, right):
        save_npz(path, csr_matrix(dense))
    with refused(plain, "no dense shape"):
        read_csr(plain, image, {})
    with refused(wrong, r"shape \(3, 20\) where its name promises CSR of \(2, 20\)"):
        read_csr(wrong, image, {})
    with refused(right, "values 2, which the recipe does not name"):
        read_csr(right, image, {1: "a", 3: "c"})
    PillowImage.new("L", (6, 4)).save(tmp_path / "b.png")
    with refused(right, r"shape \(4, 5\) where the image has \(4, 6\)"):
        read_csr(right, read_image(tmp_path / "b.png"), {2: "b"})
