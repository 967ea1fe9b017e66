import itertools
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from nibabel.orientations import inv_ornt_aff, ornt_transform

from imedbench.io import peek, read_image, read_label_map
from imedbench.io.geometry import canonical_affine, source_grid
from imedbench.types import Image

FLIPS = list(itertools.product((1, -1), repeat=3))
ORIENTATIONS = [list(zip(axes, flips, strict=True)) for axes in itertools.permutations(range(3)) for flips in FLIPS]


def places(affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(..., 3): the position of every voxel."""
    return np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]


def assert_as_nibabel(image: Image, path: Path) -> None:
    """The image is nibabel's closest canonical one with its axes in the order (z, y, x)."""
    reference = nib.as_closest_canonical(nib.load(path))
    assert np.array_equal(image.voxels, np.asarray(reference.dataobj).transpose(2, 1, 0))
    there = places(reference.affine, reference.shape).transpose(2, 1, 0, 3)
    assert np.allclose(places(image.affine, image.grid), there, atol=1e-4)


def assert_way_back(image: Image, path: Path) -> None:
    """The source grid gives the file's own array and affine."""
    original = nib.load(path)
    assert image.source is not None
    assert np.array_equal(image.source.to_source(image.voxels), np.asarray(original.dataobj))
    assert np.array_equal(image.source.to_canonical(np.asarray(original.dataobj)), image.voxels)
    assert np.allclose(image.source.affine, original.affine, atol=1e-5)


def turned(voxels: np.ndarray, affine: np.ndarray, orientation: list[tuple[int, int]]) -> nib.Nifti1Image:
    """The same volume with its axes in another order and sense."""
    change = ornt_transform(nib.io_orientation(affine), np.array(orientation))
    shuffled = nib.apply_orientation(voxels, change)
    return nib.Nifti1Image(shuffled, affine @ inv_ornt_aff(change, voxels.shape))


def test_there_are_48_orientations() -> None:
    assert len({str(orientation) for orientation in ORIENTATIONS}) == 48


@pytest.mark.parametrize("tilt", [0.0, 0.3])
@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda o: "".join(nib.orientations.ornt2axcodes(o)))
def test_all_orientations(tmp_path: Path, blob: np.ndarray, orientation: list[tuple[int, int]], tilt: float) -> None:
    affine = np.array([[1.5, 0, 0, -7], [0, 2.5, 0, 9], [0, 0, 3.5, 20], [0, 0, 0, 1]], float)
    rotation = np.eye(4)
    rotation[1:3, 1:3] = [[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]
    straight = nib.Nifti1Image(blob.transpose(2, 1, 0), rotation @ affine)
    path, other = tmp_path / "a.nii", tmp_path / "b.nii"
    turned(np.asarray(straight.dataobj), straight.affine, orientation).to_filename(path)
    straight.to_filename(other)
    image, unturned = read_image(path), read_image(other)
    assert_as_nibabel(image, path)
    assert_way_back(image, path)
    assert np.array_equal(image.voxels, unturned.voxels)
    assert np.allclose(image.affine, unturned.affine, atol=1e-4)
    assert image.spacing_mm == pytest.approx((3.5, 2.5, 1.5))
    assert peek(path).shape == image.grid
    assert peek(path).spacing_mm == pytest.approx(image.spacing_mm)


@pytest.mark.parametrize("seed", range(12))
def test_oblique_affines(tmp_path: Path, blob: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    affine = np.eye(4)
    affine[:3, :3] = np.linalg.qr(rng.normal(size=(3, 3)))[0] * rng.uniform(0.5, 5, 3)
    affine[:3, 3] = rng.uniform(-200, 200, 3)
    path = tmp_path / "a.nii.gz"
    nib.Nifti1Image(blob, affine).to_filename(path)
    image = read_image(path)
    assert_as_nibabel(image, path)
    assert_way_back(image, path)
    assert image.spacing_mm == pytest.approx(tuple(np.linalg.norm(image.affine[:3, :3], axis=0)))


def test_affine_maps_array_index_to_ras() -> None:
    source = source_grid(np.diag([-1.0, -2, 3, 1]))
    affine = canonical_affine(source, (10, 20, 30))
    assert (affine @ (0, 0, 0, 1)).tolist() == [-9, -38, 0, 1]
    assert (affine @ (29, 19, 9, 1)).tolist() == [0, 0, 87, 1]


@pytest.mark.parametrize("direction", [np.eye(3), np.diag([-1.0, -1, 1]), None])
def test_all_formats_agree(tmp_path: Path, blob: np.ndarray, write_series: Any, direction: np.ndarray | None) -> None:
    if direction is None:
        direction = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
        direction[:, 2] *= np.linalg.det(direction)
    itk = sitk.GetImageFromArray(blob)
    itk.SetSpacing((1.25, 1.5, 3))
    itk.SetOrigin((-10, -20, -30))
    itk.SetDirection(direction.ravel())
    for suffix in ("nii.gz", "nii", "nrrd", "mha", "mhd", "nhdr"):
        sitk.WriteImage(itk, str(tmp_path / f"a.{suffix}"))
    write_series(tmp_path / "series", blob, orientation=(*direction[:, 0], *direction[:, 1]), order=[4, 1, 0, 5, 3, 2])
    reference = read_image(tmp_path / "a.nii")
    assert_as_nibabel(reference, tmp_path / "a.nii")
    for name in ("a.nii.gz", "a.nrrd", "a.mha", "a.mhd", "a.nhdr", "series"):
        image = read_image(tmp_path / name)
        assert np.array_equal(image.voxels, reference.voxels), name
        assert np.allclose(image.affine, reference.affine, atol=1e-3), name
        assert image.spacing_mm == pytest.approx(reference.spacing_mm, abs=1e-4), name
        assert peek(tmp_path / name).shape == image.grid
        assert peek(tmp_path / name).dtype == image.voxels.dtype.name


@pytest.mark.parametrize("orientation", ORIENTATIONS[::5])
def test_labels_of_another_orientation_are_turned(
    tmp_path: Path, solid: np.ndarray, orientation: list[tuple[int, int]]
) -> None:
    affine = np.diag([1.5, 2.5, 3.5, 1])
    affine[1, 2] = 0.02
    nib.Nifti1Image(solid.astype(np.int16), affine).to_filename(tmp_path / "image.nii")
    turned(solid.astype(np.uint8), affine, orientation).to_filename(tmp_path / "label.nii.gz")
    image = read_image(tmp_path / "image.nii")
    masks = read_label_map(tmp_path / "label.nii.gz", image, {1: "liver"})
    assert np.array_equal(masks["liver"], image.voxels == 1)


def test_labels_near_the_diagonal_are_turned(tmp_path: Path, solid: np.ndarray) -> None:
    """Rounding may send two equal oblique grids to different axes; their positions decide."""
    half, nudge = np.sqrt(0.5), 1e-4
    for name, by in (("image", nudge), ("label", -nudge)):
        affine = np.eye(4)
        affine[:2, :2] = [[half + by, -half + by], [half - by, half + by]]
        nib.Nifti1Image(solid.astype(np.uint8), affine).to_filename(tmp_path / f"{name}.nii")
    image, label = read_image(tmp_path / "image.nii"), read_image(tmp_path / "label.nii")
    assert image.source is not None
    assert label.source is not None
    assert image.source.axes != label.source.axes
    masks = read_label_map(tmp_path / "label.nii", image, {1: "liver"})
    assert np.array_equal(masks["liver"], image.voxels == 1)


def test_headers_that_differ_by_rounding_agree(tmp_path: Path, solid: np.ndarray) -> None:
    affine = np.diag([0.7, 0.7, 3, 1])
    affine[:3, 3] = (-123.4, 55.5, 1000)
    nib.Nifti1Image(solid.astype(np.uint8), affine).to_filename(tmp_path / "image.nii")
    affine[:3, 3] += 0.01
    nib.Nifti1Image(solid.astype(np.uint8), affine).to_filename(tmp_path / "label.nii")
    image = read_image(tmp_path / "image.nii")
    masks = read_label_map(tmp_path / "label.nii", image, {1: "liver"})
    assert np.array_equal(masks["liver"], image.voxels == 1)
