import gzip

import nibabel as nib
import numpy as np

from imedbench.nifti import nifti_of, turned_rai
from imedbench.types import Image


def volume() -> Image:
    affine = np.array([[0, 0, 1.5, -3], [0, 2, 0, 4], [3, 0, 0, 5], [0, 0, 0, 1]], float)
    return Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), (3.0, 2.0, 1.5), affine, "ct")


def opened(content: bytes) -> nib.Nifti1Image:
    file: nib.Nifti1Image = nib.Nifti1Image.from_bytes(gzip.decompress(content))
    return file


def test_voxels_lie_where_they_were() -> None:
    image = volume()
    file = opened(nifti_of(image.voxels, image))
    assert file.shape == (4, 3, 2)
    assert file.dataobj[3, 1, 0] == image.voxels[0, 1, 3]
    assert np.allclose(file.affine @ [3, 1, 0, 1], image.affine @ [0, 1, 3, 1])


def test_the_same_volume_gives_the_same_bytes() -> None:
    image = volume()
    assert nifti_of(image.voxels, image, level=1) == nifti_of(image.voxels, image, level=1)


def test_rai_runs_from_right_front_and_below() -> None:
    image = volume()
    file = opened(nifti_of(image.voxels, turned_rai(image)))
    assert nib.aff2axcodes(file.affine) == ("L", "P", "S")
    places = np.argwhere(np.ones(file.shape, bool))
    for place in places[::5]:
        there = np.linalg.inv(image.affine) @ file.affine @ [*place, 1]
        z, y, x = np.rint(there[:3]).astype(int)
        assert file.dataobj[tuple(place)] == image.voxels[z, y, x]
