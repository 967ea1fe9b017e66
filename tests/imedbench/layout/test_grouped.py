from collections.abc import Callable
from pathlib import Path

from imedbench.layout import infer_recipe
from imedbench.types import Array

Put = Callable[..., Path]


def test_channels_and_labels_in_a_folder_a_study(put: Put, source: Path, labels: Array) -> None:
    for study in ("pat1", "pat2"):
        put(f"{study}/{study}_flair.nii.gz")
        put(f"{study}/{study}_t1ce.nii.gz")
        put(f"{study}/{study}_seg.nii.gz", labels)
    recipe, _ = infer_recipe(source)
    assert recipe.images == {
        "flair": "{study}/{study}_flair.nii.gz",
        "t1ce": "{study}/{study}_t1ce.nii.gz",
    }
    assert [one.path for one in recipe.labels] == ["{study}/{study}_seg.nii.gz"]
    assert recipe.modality == "mr"


def test_label_that_no_word_names_is_known_by_its_values(put: Put, source: Path, labels: Array) -> None:
    for study in ("one", "two"):
        put(f"data/{study}/scan.nii")
        put(f"data/{study}/OTMulti.nii", labels)
    recipe, reasons = infer_recipe(source)
    assert recipe.images == {"": "data/{study}/scan.nii"}
    assert recipe.labels[0].path == "data/{study}/OTMulti.nii"
    assert recipe.labels[0].names == {1: "label 1", 2: "label 2"}
    assert any("only a few whole numbers" in reason for reason in reasons)


def test_many_files_in_a_label_folder_are_one_a_target(put: Put, source: Path, labels: Array) -> None:
    for study in ("s0", "s1"):
        put(f"{study}/ct.nii.gz")
        for target in ("liver", "spleen", "aorta"):
            put(f"{study}/segmentations/{target}.nii.gz", labels // 2)
    recipe, _ = infer_recipe(source)
    assert recipe.labels[0].path == "{study}/segmentations/{target}.nii.gz"
    assert recipe.labels[0].encoding == "files"
    assert recipe.modality == "ct"
