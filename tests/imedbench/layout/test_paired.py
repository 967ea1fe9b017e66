from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from imedbench.errors import BadInput
from imedbench.layout import Problem, Study, find_studies, infer_recipe, read_study
from imedbench.types import Array

Put = Callable[..., Path]


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("images/{study}.png", "masks/{study}.png"),
        ("imagesTr/{study}.nii.gz", "labelsTr/{study}.nii.gz"),
        ("img/{study}.png", "gt/{study}_mask.png"),
        ("{study}_image.nii", "{study}_label.nii"),
        ("{study}.nii.gz", "{study}_seg.nii.gz"),
        ("images/img_{study}.png", "labels/label_{study}.png"),
        ("images/{study}_0000.nii.gz", "labels/{study}.nii.gz"),
    ],
)
def test_image_and_label_by_name(put: Put, source: Path, labels: Array, mask: Array, image: str, label: str) -> None:
    for study in ("p01", "p02", "q2"):
        put(image.format(study=study))
        put(label.format(study=study), mask if label.endswith(".png") else labels)
    recipe, _ = infer_recipe(source)
    assert recipe.images == {"": image}
    assert [one.path for one in recipe.labels] == [label]
    studies = [one for one in find_studies(source, recipe) if isinstance(one, Study)]
    assert [study.id for study in studies] == ["p01", "p02", "q2"]
    assert len(read_study(studies[0], recipe)[1]) == (1 if label.endswith(".png") else 2)


def test_a_label_without_an_image_does_not_hide_the_others(put: Put, source: Path, mask: Array) -> None:
    for study in ("a1", "a2", "a3"):
        put(f"images/{study}.png")
        put(f"masks/{study}.png", mask)
    put("masks/b9.png", mask)
    recipe, reasons = infer_recipe(source)
    assert (recipe.images, recipe.labels[0].path) == ({"": "images/{study}.png"}, "masks/{study}.png")
    assert "No image belongs to 1 of 4 labels: masks/b9.png." in reasons
    assert [one.path for one in find_studies(source, recipe) if isinstance(one, Problem)] == [
        str(source / "masks/b9.png")
    ]


def test_a_label_that_is_none_does_not_hide_the_others(put: Put, source: Path, labels: Array) -> None:
    for study in ("a", "b", "c"):
        put(f"images/{study}.nii.gz")
        put(f"labels/{study}.nii.gz", labels if study != "b" else labels * np.float32(0.25))
    recipe, _ = infer_recipe(source)
    assert recipe.labels[0].names == {1: "label 1", 2: "label 2"}
    for study in ("a", "c"):
        put(f"labels/{study}.nii.gz", labels * np.float32(0.25))
    with pytest.raises(BadInput, match=r"holds 3 different values, such as 0\.25, so it is no label map"):
        infer_recipe(source)


def test_an_image_called_label_is_known_by_its_twin(put: Put, source: Path, mask: Array) -> None:
    for study in ("a_seg", "unclear_label", "plain"):
        put(f"images/{study}.png")
        put(f"masks/{study}.png", mask)
    recipe, _ = infer_recipe(source)
    assert (recipe.images, recipe.labels[0].path) == ({"": "images/{study}.png"}, "masks/{study}.png")
    assert len([one for one in find_studies(source, recipe) if isinstance(one, Study)]) == 3


def test_masks_of_sa_med2d(put: Put, source: Path, mask: Array) -> None:
    for study in ("amos_1_2", "amos_1_20"):
        put(f"images/{study}.png")
        for target in ("liver_000", "rib_left_9_000", "rib_left_9_001"):
            put(f"masks/{study}_{target}.png", mask)
    recipe, _ = infer_recipe(source)
    assert recipe.labels[0].path == "masks/{study}_{target}_{instance}.png"
    first = next(iter(find_studies(source, recipe)))
    assert isinstance(first, Study)
    found = [(info.target, info.instance) for info in read_study(first, recipe)[1].infos]
    assert found == [("liver", 0), ("rib_left_9", 1), ("rib_left_9", 2)]


def test_a_mask_a_target(put: Put, source: Path, mask: Array) -> None:
    for study in ("e1", "e2"):
        put(f"images/{study}.png")
        put(f"masks/{study}_optic_disc.png", mask)
        put(f"masks/{study}_optic_cup.png", mask)
    recipe, _ = infer_recipe(source)
    assert (recipe.labels[0].path, recipe.labels[0].encoding) == ("masks/{study}_{target}.png", "files")


def test_channels_numbered_as_nnunet_does(put: Put, source: Path, labels: Array) -> None:
    for study in ("a", "b"):
        put(f"imagesTr/{study}_0000.nii.gz")
        put(f"imagesTr/{study}_0001.nii.gz")
        put(f"labelsTr/{study}.nii.gz", labels)
    recipe, _ = infer_recipe(source)
    assert recipe.images == {"0000": "imagesTr/{study}_0000.nii.gz", "0001": "imagesTr/{study}_0001.nii.gz"}


def test_number_that_labels_have_too_is_no_channel(put: Put, source: Path, labels: Array) -> None:
    for number in range(3):
        put(f"imagesTr/case_000{number}.nii.gz")
        put(f"labelsTr/case_000{number}.nii.gz", labels)
    recipe, _ = infer_recipe(source)
    assert recipe.images == {"": "imagesTr/{study}.nii.gz"}
    assert len(list(find_studies(source, recipe))) == 3


def test_archives_with_image_and_mask(source: Path) -> None:
    for study in ("a", "b"):
        mask = np.zeros((8, 9), np.uint8)
        mask[2:4, 2:4] = 1
        np.savez(source / f"{study}.npz", image=np.arange(72.0).reshape(8, 9), mask=mask)
    recipe, _ = infer_recipe(source)
    assert recipe.images == {"": "{study}.npz"}
    first = next(iter(find_studies(source, recipe)))
    assert isinstance(first, Study)
    image, truth, _ = read_study(first, recipe)
    assert image.grid == (8, 9)
    assert truth.areas().tolist() == [4]


def test_images_in_folders_of_patients(put: Put, source: Path) -> None:
    put("p1/a.png")
    put("p1/b.png")
    put("p2/c.png")
    recipe, _ = infer_recipe(source)
    assert recipe.images == {"": "{patient}/{study}.png"}
    studies = [one for one in find_studies(source, recipe) if isinstance(one, Study)]
    assert [study.patient for study in studies] == ["p1", "p1", "p2"]
