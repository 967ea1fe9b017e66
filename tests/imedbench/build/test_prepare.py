from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import nibabel as nib
import numpy as np
import pytest

from imedbench.build.filters import ASPECT, BARE, SMALL, SMALL_INSTANCE
from imedbench.build.prepare import Preparation, renamed, window_for
from imedbench.build.standardise import Plane, planes_of
from imedbench.layout import Study, find_studies
from imedbench.masks import MaskInfo, Masks
from imedbench.recipe import Recipe
from imedbench.types import Image


def volume_recipe(**changes: Any) -> Recipe:
    fields: dict[str, Any] = {
        "name": "set",
        "dimension": 3,
        "modality": "ct",
        "images": "{study}.nii.gz",
        "labels": [{"path": "labels/{study}.nii.gz", "names": {1: "liver", 2: "pulmonary nodule", 3: "whatsit"}}],
        "window": (0, 1000),
    }
    return Recipe.model_validate(fields | changes)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    voxels = np.random.default_rng(0).integers(0, 1000, (40, 30, 6)).astype(np.int16)
    labels = np.zeros(voxels.shape, np.uint8)
    labels[5:20, 5:20, 1:4] = 1
    labels[25:28, 5:8, 2] = labels[35:38, 20:23, 2] = 2
    labels[30, 25, 3] = 3
    (tmp_path / "labels").mkdir()
    for name, array in (("a", voxels), ("labels/a", labels)):
        nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / f"{name}.nii.gz")
    [found] = find_studies(tmp_path, volume_recipe())
    assert isinstance(found, Study)
    return found


def prepare(recipe: Recipe) -> Preparation:
    return Preparation(recipe, proposals=None, model=None, published=True)


def axial(indices: Sequence[int]) -> list[Plane]:
    return [Plane(0, index) for index in indices]


def test_a_volume_comes_with_its_first_plane_and_only_then(study: Study) -> None:
    preparation = prepare(volume_recipe())
    first = preparation.records(study, axial([0, 1]))
    assert [record.case.id for record in first] == ["set/a", "set/a/z0001"]
    assert first[1].parent == "set/a"
    later = preparation.records(study, axial([2, 3, 4]))
    assert [record.case.id for record in later] == ["set/a/z0002", "set/a/z0003"]


def test_names_are_the_vocabulary_s_and_strangers_are_kept_and_counted(study: Study) -> None:
    preparation = prepare(volume_recipe())
    [volume, _] = preparation.records(study, axial([0, 1]))
    assert volume.case.masks.targets == ("liver", "lung nodule", "whatsit")
    # Not of the 204 either, but known by one name.
    assert preparation.strangers == {"lung nodule": 1, "whatsit": 1}


def test_small_masks_and_bare_slices_are_counted(study: Study) -> None:
    preparation = prepare(volume_recipe())
    records = preparation.records(study, axial(range(6)))
    assert [record.case.id for record in records[1:]] == ["set/a/z0001", "set/a/z0002", "set/a/z0003"]
    assert preparation.dropped == {SMALL: 1, BARE: 3}


def test_components_of_named_targets_become_instances(study: Study) -> None:
    preparation = prepare(volume_recipe(instances=["lung nodule"]))
    [record] = preparation.records(study, axial([2]))
    nodules = [info.instance for info in record.case.masks.infos if info.target == "lung nodule"]
    assert nodules == [1, 2]
    strict = prepare(volume_recipe(instances=["lung nodule"], filters={"min_area": 0.01}))
    [record] = strict.records(study, axial([2]))
    assert record.case.masks.targets == ("liver",)
    assert strict.dropped == {SMALL_INSTANCE: 2}


def test_a_slice_whose_instances_are_all_too_small_is_left_out(study: Study) -> None:
    # Both nodules together take 18 of 1200 pixels, each alone 9.
    fields = {"names": {2: "pulmonary nodule"}, "path": "labels/{study}.nii.gz", "ignore": [1, 3]}
    preparation = prepare(volume_recipe(labels=[fields], instances=["lung nodule"], filters={"min_area": 0.01}))
    assert preparation.records(study, axial([2])) == []
    assert preparation.dropped == {SMALL_INSTANCE: 2, BARE: 1}


def test_a_volume_comes_even_if_its_first_axis_gives_no_plane(study: Study) -> None:
    recipe = volume_recipe(slices={"axes": [0, 1], "every": 20}, filters={"max_aspect": 9})
    [plane] = planes_of((6, 30, 40), (0, 1), 20)
    assert plane == Plane(1, 10)
    assert [record.case.id for record in prepare(recipe).records(study, [plane])] == ["set/a", "set/a/y0010"]


def test_long_slices_are_left_out(study: Study) -> None:
    preparation = prepare(volume_recipe(slices={"axes": [1]}))
    assert len(preparation.records(study, [Plane(1, 10)])) == 0
    assert preparation.dropped == {ASPECT: 1}


def test_without_the_volume_each_slice_keeps_its_intensities(study: Study) -> None:
    preparation = prepare(volume_recipe(slices={"keep_volume": False}))
    [record] = preparation.records(study, axial([1]))
    assert record.parent == ""
    assert record.original is not None
    assert record.original.voxels.dtype == np.int16


def test_an_8_bit_picture_is_its_own_original(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 200, (30, 30)).astype(np.uint8)
    mask = np.zeros((30, 30), np.uint8)
    mask[5:20, 5:20] = 255
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    cv2.imwrite(str(tmp_path / "a_mask.png"), mask)
    recipe = Recipe.model_validate(
        {
            "name": "skin",
            "dimension": 2,
            "images": "{study}.png",
            "labels": [{"path": "{study}_mask.png", "encoding": "files", "target": "skin lesion"}],
        }
    )
    [study] = (one for one in find_studies(tmp_path, recipe) if isinstance(one, Study))
    [record] = prepare(recipe).records(study, [])
    assert np.array_equal(record.case.image.voxels, picture)
    assert record.original is None
    assert record.case.masks.targets == ("skin lesion",)


def test_masks_that_share_a_name_become_one_and_nameless_ones_go() -> None:
    dense = np.zeros((3, 4, 4), bool)
    dense[0, 0] = dense[1, 1] = dense[2, 2] = True
    masks = Masks.from_dense(dense, [MaskInfo("lung nodule"), MaskInfo("pulmonary nodule"), MaskInfo("")])
    merged, _ = renamed(masks)
    assert merged.targets == ("lung nodule",)
    assert np.array_equal(merged[0], dense[0] | dense[1])
    assert len(renamed(masks.select([2]))[0]) == 0


def test_the_window_of_8_bit_images_is_all_of_8_bits() -> None:
    image = Image(np.full((3, 3), 7, np.uint8), (1.0, 1.0), np.eye(4), "us")
    assert window_for(image, volume_recipe(window="full")) == (0.0, 255.0)
    assert window_for(image, volume_recipe()) == (0.0, 1000.0)
