from typing import Any

import numpy as np
import pytest

from imedbench.demo.phantom import make_phantom
from imedbench.targets import Vocabulary

COARSE = ((24, 64, 64), (20.0, 6.0, 6.0))


def test_a_phantom_is_a_canonical_ct_with_a_name_for_each_label(phantom: Any) -> None:
    image, labels, names = phantom
    assert image.voxels.dtype == np.int16
    assert image.voxels.shape == labels.shape == (48, 160, 160)
    assert image.modality == "ct"
    assert set(np.unique(labels)) == {0, *names}
    assert len(names) > 85
    assert image.voxels.min() >= -1024
    middle = image.affine @ (23.5, 79.5, 79.5, 1)
    assert np.allclose(middle, (0, 0, 0, 1))
    assert np.allclose(image.affine @ (1, 0, 0, 0), (0, 0, 10, 0))


def test_names_are_those_of_the_vocabulary(phantom: Any) -> None:
    vocabulary = Vocabulary.load()
    outside = {name for name in phantom.names.values() if vocabulary.resolve(name) is None}
    assert outside <= {"sternum", "superior vena cava"}
    assert all(vocabulary.place(name).name == name for name in phantom.names.values())


def test_a_seed_is_one_person_and_another_seed_another() -> None:
    first, again, other = (make_phantom(seed, *COARSE) for seed in (5, 5, 6))
    assert np.array_equal(first[0].voxels, again[0].voxels)
    assert np.array_equal(first[1], again[1])
    assert (first[1] != other[1]).mean() > 0.02


def test_the_grid_changes_the_picture_but_not_the_person(phantom: Any) -> None:
    image, labels, names = make_phantom(1, (24, 48, 48), (20.0, 8.0, 8.0))
    for name in ("liver", "spleen", "left kidney", "bladder"):
        number = next(key for key, known in names.items() if known == name)
        middle = image.affine @ (*np.argwhere(labels == number).mean(axis=0), 1)
        assert np.linalg.norm(middle[:3] - phantom.centre_mm(name)) < 5


def test_raising_the_view_shows_what_is_higher() -> None:
    image, _, names = make_phantom(1, *COARSE, 100.0)
    assert image.affine[2, 3] == pytest.approx(-230 + 100)
    assert "bladder" not in names.values()


def test_noise_is_that_of_a_scanner_and_edges_are_soft(phantom: Any) -> None:
    liver = phantom.image.voxels[phantom.mask("liver")].astype(float)
    assert 5 < np.percentile(liver, 75) - np.percentile(liver, 25) < 40
    skin = phantom.image.voxels[24, :, 80]
    assert ((skin > -900) & (skin < -300)).sum() >= 2
