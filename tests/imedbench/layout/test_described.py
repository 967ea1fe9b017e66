import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imedbench.errors import BadRecipe
from imedbench.layout import Study, find_studies, infer_recipe, read_study
from imedbench.types import Array

Put = Callable[..., Path]


def describe(source: Path, **content: Any) -> None:
    (source / "dataset.json").write_text(json.dumps(content))


def first(source: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Channels and targets of the first study as inferred."""
    recipe, _ = infer_recipe(source)
    study = next(iter(find_studies(source, recipe)))
    assert isinstance(study, Study), study
    image, truth, _ = read_study(study, recipe)
    return image.channels, truth.targets


def test_nnunet_of_several_channels(put: Put, source: Path, labels: Array) -> None:
    for case in ("case_001", "case_002"):
        put(f"imagesTr/{case}_0000.nii.gz")
        put(f"imagesTr/{case}_0001.nii.gz")
        put(f"labelsTr/{case}.nii.gz", labels)
    put("imagesTs/case_003_0000.nii.gz")
    names = {"background": 0, "liver": 1, "ignore": 2}
    channels = {"0": "T1", "1": "FLAIR"}
    describe(source, channel_names=channels, labels=names, numTraining=2, file_ending=".nii.gz")
    recipe, reasons = infer_recipe(source)
    assert recipe.images == {"t1": "imagesTr/{study}_0000.nii.gz", "flair": "imagesTr/{study}_0001.nii.gz"}
    assert recipe.labels[0].ignore == (2,)
    assert recipe.modality == "mr"
    assert any("imagesTs is left out" in reason for reason in reasons)
    assert first(source) == (("t1", "flair"), ("liver",))


def test_nnunet_regions_are_refused(put: Put, source: Path, labels: Array) -> None:
    put("imagesTr/a_0000.nii.gz")
    put("labelsTr/a.nii.gz", labels)
    describe(source, channel_names={"0": "CT"}, labels={"background": 0, "whole": [1, 2]}, file_ending=".nii.gz")
    with pytest.raises(BadRecipe, match="'whole' is a region of several values"):
        infer_recipe(source)


def test_decathlon(put: Put, source: Path, labels: Array) -> None:
    put("imagesTr/liver_1.nii.gz")
    put("labelsTr/liver_1.nii.gz", labels)
    entry = {"image": "./imagesTr/liver_1.nii.gz", "label": "./labelsTr/liver_1.nii.gz"}
    names = {"0": "background", "1": "liver", "2": "cancer"}
    describe(source, name="Liver", labels=names, modality={"0": "CT"}, training=[entry])
    assert infer_recipe(source)[0].modality == "ct"
    assert first(source) == (("",), ("liver", "cancer"))


def test_decathlon_converted_for_nnunet_1(put: Put, source: Path, labels: Array) -> None:
    put("imagesTr/liver_1_0000.nii.gz")
    put("labelsTr/liver_1.nii.gz", labels)
    entry = {"image": "./imagesTr/liver_1.nii.gz", "label": "./labelsTr/liver_1.nii.gz"}
    describe(source, labels={"0": "background", "1": "liver", "2": "cancer"}, training=[entry])
    assert infer_recipe(source)[0].images == {"": "imagesTr/{study}_0000.nii.gz"}


def test_description_that_is_no_json(put: Put, source: Path) -> None:
    put("imagesTr/a.nii.gz")
    (source / "dataset.json").write_text("{")
    with pytest.raises(BadRecipe, match=r"dataset\.json: not JSON"):
        infer_recipe(source)


def test_description_of_something_else_is_passed_over(put: Put, source: Path) -> None:
    put("a.nii.gz")
    put("b.nii.gz")
    describe(source, author="somebody")
    assert infer_recipe(source)[0].images == {"": "{study}.nii.gz"}


def test_bids_masks_in_the_space_of_the_image(put: Put, source: Path, labels: Array) -> None:
    for subject in ("sub-01", "sub-02"):
        put(f"{subject}/anat/{subject}_T1w.nii.gz")
        put(f"derivatives/manual/{subject}/anat/{subject}_space-orig_label-lesion_mask.nii.gz", np.minimum(labels, 1))
    recipe, _ = infer_recipe(source)
    assert recipe.images == {"": "{patient}/anat/{study}_T1w.nii.gz"}
    assert (recipe.labels[0].path, recipe.labels[0].encoding) == (
        "derivatives/manual/{patient}/anat/{study}_space-orig_label-lesion_mask.nii.gz",
        "files",
    )
    assert len(first(source)[1]) == 1


def test_bids_derivatives(put: Put, source: Path, labels: Array) -> None:
    for subject in ("sub-01", "sub-02"):
        for session in ("ses-a", "ses-b"):
            name = f"{subject}/{session}/anat/{subject}_{session}"
            put(f"{name}_T1w.nii.gz")
            put(f"derivatives/manual/{name}_desc-tissue_dseg.nii.gz", labels)
    (source / "derivatives/manual/dseg.tsv").write_text("index\tname\n1\tbrain stem\n2\teye\n")
    recipe, _ = infer_recipe(source)
    assert recipe.images == {"": "{patient}/{session}/anat/{study}_T1w.nii.gz"}
    assert recipe.labels[0].path == "derivatives/manual/{patient}/{session}/anat/{study}_desc-tissue_dseg.nii.gz"
    assert recipe.modality == "mr-t1w"
    studies = list(find_studies(source, recipe))
    assert [(one.id, one.patient) for one in studies if isinstance(one, Study)] == [
        ("sub-01_ses-a", "sub-01"),
        ("sub-01_ses-b", "sub-01"),
        ("sub-02_ses-a", "sub-02"),
        ("sub-02_ses-b", "sub-02"),
    ]
    assert first(source)[1] == ("brain stem", "eye")
