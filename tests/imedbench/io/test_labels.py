from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image as PillowImage
from scipy.sparse import csr_matrix, save_npz

from imedbench.io import (
    MaskFile,
    read_colours,
    read_csr,
    read_image,
    read_label_map,
    read_mask_files,
    read_regions,
)
from imedbench.masks import MaskInfo
from imedbench.types import Image

AFFINE = np.diag([-1.0, 2, 3, 1])


@pytest.fixture
def labels() -> np.ndarray:
    """(z, y, x) of 0 to 4."""
    return np.random.default_rng(0).integers(0, 5, (4, 5, 6)).astype(np.uint8)


def save(path: Path, voxels: np.ndarray) -> Path:
    """(z, y, x) in RAS as a NIfTI whose first axis runs to the left."""
    nib.Nifti1Image(voxels.transpose(2, 1, 0)[::-1], AFFINE).to_filename(path)
    return path


@pytest.fixture
def image(tmp_path: Path, labels: np.ndarray) -> Image:
    return read_image(save(tmp_path / "image.nii.gz", labels.astype(np.int16)))


@pytest.fixture
def picture(tmp_path: Path, labels: np.ndarray) -> Image:
    PillowImage.fromarray(labels[0]).save(tmp_path / "image.png")
    return read_image(tmp_path / "image.png")


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_label_map(tmp_path: Path, image: Image, labels: np.ndarray, dtype: type) -> None:
    path = save(tmp_path / "label.nii.gz", labels.astype(dtype))
    masks = read_label_map(path, image, {1: "liver", 3: "spleen", 2: "", 4: "", 99: "not here"})
    assert masks.infos == (MaskInfo("liver"), MaskInfo("spleen"))
    assert np.array_equal(masks["liver"], labels == 1)
    assert np.array_equal(masks["spleen"], labels == 3)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_mask_saved_as_jpeg_is_cut_in_the_middle(tmp_path: Path, mode: str) -> None:
    drawn = np.zeros((64, 80), np.uint8)
    drawn[11:43, 21:70] = 255
    PillowImage.fromarray(drawn).convert(mode).save(tmp_path / "mask.jpg", quality=50)
    assert len(np.unique(np.asarray(PillowImage.open(tmp_path / "mask.jpg")))) > 2
    PillowImage.fromarray(drawn).save(tmp_path / "image.png")
    masks = read_mask_files([MaskFile(tmp_path / "mask.jpg", "polyp")], read_image(tmp_path / "image.png"))
    assert np.array_equal(masks["polyp"], drawn > 0)


def test_a_label_map_saved_as_jpeg_is_refused(tmp_path: Path, refused: Any) -> None:
    steps = np.repeat(np.arange(0, 250, 50, dtype=np.uint8), 16)
    for name, drawn in (("many.jpg", np.tile(steps, (64, 1))), ("low.jpg", np.tile(steps // 50, (64, 1)))):
        PillowImage.fromarray(drawn).save(tmp_path / name)
        PillowImage.fromarray(drawn).save(tmp_path / "image.png")
        image = read_image(tmp_path / "image.png")
        with refused(tmp_path / name, "is a label map in JPEG, which does not keep its values"):
            read_label_map(tmp_path / name, image, {1: "liver"})


def test_values_of_one_name_are_one_mask(tmp_path: Path, image: Image, labels: np.ndarray) -> None:
    path = save(tmp_path / "label.nii.gz", labels)
    masks = read_label_map(path, image, {1: "tumour", 2: "oedema", 3: "tumour", 4: "tumour"})
    assert masks.targets == ("tumour", "oedema")
    assert np.array_equal(masks["tumour"], (labels == 1) | (labels >= 3))


def test_zero_may_be_named(tmp_path: Path, image: Image, labels: np.ndarray) -> None:
    path = save(tmp_path / "label.nii.gz", labels)
    masks = read_label_map(path, image, {0: "water", 1: "", 2: "", 3: "", 4: ""})
    assert np.array_equal(masks["water"], labels == 0)


def test_values_beyond_the_type_are_simply_absent(tmp_path: Path, image: Image, labels: np.ndarray) -> None:
    path = save(tmp_path / "label.nii.gz", labels)
    masks = read_label_map(path, image, {1: "a", 2: "b", 3: "c", 4: "d", 70000: "e", -1: "f"})
    assert masks.targets == ("a", "b", "c", "d")


def test_instances(tmp_path: Path, image: Image, labels: np.ndarray) -> None:
    path = save(tmp_path / "label.nii.gz", labels)
    cells = read_label_map(path, image, {1: "cell"}, instances=True)
    assert [(mask.target, mask.instance) for mask in cells.infos] == [("cell", number) for number in (1, 2, 3, 4)]
    assert np.array_equal(cells[2], labels == 3)
    two = read_label_map(path, image, {1: "rib", 2: "node", 3: "rib", 4: ""}, instances=True)
    assert [(mask.target, mask.instance) for mask in two.infos] == [("rib", 1), ("node", 1), ("rib", 2)]


def test_mask_files(tmp_path: Path, image: Image, labels: np.ndarray) -> None:
    files = [
        MaskFile(save(tmp_path / "a.nii.gz", (labels == 1).astype(np.uint8)), "rib", 1),
        MaskFile(save(tmp_path / "b.nii.gz", 255 * (labels == 2).astype(np.uint8)), "rib", 2),
        MaskFile(save(tmp_path / "c.nii.gz", np.zeros_like(labels)), "spleen"),
        MaskFile(save(tmp_path / "d.nii.gz", (labels == 4).astype(np.float32)), "liver"),
        MaskFile(save(tmp_path / "e.nii.gz", (labels > 1).astype(np.uint8)), "body"),
    ]
    masks = read_mask_files(files, image)
    assert [(mask.target, mask.instance) for mask in masks.infos] == [("rib", 1), ("rib", 2), ("liver", 0), ("body", 0)]
    for mask, expected in zip(masks, (labels == 1, labels == 2, labels == 4, labels > 1), strict=True):
        assert np.array_equal(mask, expected)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P"])
def test_mask_files_as_pictures(tmp_path: Path, picture: Image, labels: np.ndarray, mode: str) -> None:
    inside = labels[0] == 2
    source = PillowImage.fromarray((255 * inside).astype(np.uint8))
    if mode == "P":
        source = PillowImage.fromarray(inside.astype(np.uint8), "P")
        source.putpalette([0, 0, 0, 128, 0, 0])
    else:
        source = source.convert(mode)
    source.save(tmp_path / "mask.png")
    assert np.array_equal(read_mask_files([MaskFile(tmp_path / "mask.png", "a")], picture)["a"], inside)


def test_palettes_are_label_maps_by_number(tmp_path: Path, picture: Image, labels: np.ndarray) -> None:
    paletted = PillowImage.fromarray(labels[0], "P")
    paletted.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 128, 0, 0])
    paletted.save(tmp_path / "label.png")
    masks = read_label_map(tmp_path / "label.png", picture, {1: "a", 2: "b", 3: "c", 4: "d"})
    assert np.array_equal(masks["d"], labels[0] == 4)


def test_colours(tmp_path: Path, picture: Image, labels: np.ndarray) -> None:
    table = np.array([(0, 0, 0), (255, 0, 0), (0, 255, 1), (255, 255, 255), (0, 0, 9)], np.uint8)
    PillowImage.fromarray(table[labels[0]]).save(tmp_path / "label.png")
    names = {(255, 0, 0): "liver", (0, 255, 1): "spleen", (255, 255, 255): "", (0, 0, 9): "liver"}
    masks = read_colours(tmp_path / "label.png", picture, names)
    assert masks.targets == ("liver", "spleen")
    assert np.array_equal(masks["liver"], (labels[0] == 1) | (labels[0] == 4))
    assert np.array_equal(masks["spleen"], labels[0] == 2)


def test_unknown_colours(tmp_path: Path, picture: Image, labels: np.ndarray, refused) -> None:  # noqa: ANN001
    table = np.array([(0, 0, 0), (255, 0, 0), (0, 255, 1), (0, 0, 0), (0, 0, 0)], np.uint8)
    PillowImage.fromarray(table[labels[0]]).save(tmp_path / "label.png")
    with refused(tmp_path / "label.png", r"colours \(0, 255, 1\), which the recipe does not name"):
        read_colours(tmp_path / "label.png", picture, {(255, 0, 0): "liver"})
    with refused(tmp_path / "label.png", "has 3 channels where a label map has one"):
        read_label_map(tmp_path / "label.png", picture, {1: "a"})


@pytest.mark.parametrize("ending", [", 1)", ")"])
def test_one_hot_csr(tmp_path: Path, ending: str) -> None:
    rng = np.random.default_rng(1)
    dense = rng.random((5, 9, 11)) < 0.3
    dense[1] = False
    dense[3] = True
    PillowImage.fromarray(np.zeros((9, 11), np.uint8)).save(tmp_path / "a.png")
    path = tmp_path / f"x.(5, 9, 11{ending}.npz"
    matrix = csr_matrix(dense.reshape(5, -1).astype(np.int32))
    matrix.data[0] = 0
    save_npz(path, matrix)
    names = {1: "a", 3: "", 4: "d", 5: "e"}
    masks = read_csr(path, read_image(tmp_path / "a.png"), names)
    assert masks.targets == ("a", "d", "e")
    first = dense[0].copy()
    first.reshape(-1)[matrix.indices[0]] = False
    for mask, expected in zip(masks, (first, dense[3], dense[4]), strict=True):
        assert np.array_equal(mask, expected)


def test_csr_of_a_volume_without_orientation(tmp_path: Path, image: Image, labels: np.ndarray, refused) -> None:  # noqa: ANN001
    path = tmp_path / "x.(1, 4, 5, 6).npz"
    save_npz(path, csr_matrix((labels == 1).reshape(1, -1)))
    np.save(tmp_path / "image.npy", labels)
    plain = read_image(tmp_path / "image.npy")
    assert np.array_equal(read_csr(path, plain, {1: "a"})["a"], labels == 1)
    with refused(path, "holds no orientation"):
        read_csr(path, image, {1: "a"})


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
@pytest.mark.parametrize("channel", [False, True])
def test_regions(tmp_path: Path, picture: Image, labels: np.ndarray, dtype: type, channel: bool) -> None:
    regions = labels[0].astype(dtype)
    if dtype is np.int64:
        regions[regions == 4] = -1
    stored = regions[..., None] if channel else regions
    np.save(tmp_path / "a.npy", stored)
    np.savez(tmp_path / "a.npz", stored)
    for name in ("a.npy", "a.npz"):
        masks = read_regions(tmp_path / name, picture)
        assert {mask.kind for mask in masks.infos} == {"interactive"}
        assert len(masks) == len(set(regions.flat) - {0, -1})
        for mask, value in zip(masks, (1, 2, 3, 4), strict=False):
            assert np.array_equal(mask, regions == value)


def test_no_regions_are_no_error(tmp_path: Path, picture: Image) -> None:
    np.save(tmp_path / "a.npy", np.zeros(picture.grid, np.uint8))
    assert len(read_regions(tmp_path / "a.npy", picture)) == 0
