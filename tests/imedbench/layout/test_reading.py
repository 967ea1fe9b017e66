from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imedbench.errors import BadInput
from imedbench.layout import Study, find_studies, read_study
from imedbench.masks import Masks
from imedbench.recipe import Recipe
from imedbench.types import Array

Put = Callable[..., Path]


def read(source: Path, **fields: Any) -> tuple[tuple[str, ...], Masks]:
    mine = Recipe.model_validate({"name": "mine", "dimension": 3, "images": "{study}.nii"} | fields)
    study = next(iter(find_studies(source, mine)))
    assert isinstance(study, Study), study
    image, truth, _ = read_study(study, mine)
    return image.channels, truth


def test_map_with_ignored_value(put: Put, source: Path, labels: Array) -> None:
    put("a.nii")
    put("a_seg.nii", labels)
    _, truth = read(source, labels=[{"path": "{study}_seg.nii", "names": {1: "liver"}, "ignore": [2]}])
    assert truth.targets == ("liver",)
    assert truth.areas().tolist() == [int((labels == 1).sum())]


def test_value_that_the_recipe_does_not_name_is_refused(put: Put, source: Path, labels: Array) -> None:
    put("a.nii")
    put("a_seg.nii", labels)
    with pytest.raises(BadInput, match="holds the values 2, which the recipe does not name"):
        read(source, labels=[{"path": "{study}_seg.nii", "names": {1: "liver"}}])


def test_map_that_nobody_names_is_refused(put: Put, source: Path, labels: Array) -> None:
    put("a.nii")
    put("a_seg.nii", labels)
    with pytest.raises(BadInput, match="neither the recipe nor the file itself names"):
        read(source, labels=[{"path": "{study}_seg.nii"}])


def test_each_value_an_object(put: Put, source: Path, labels: Array) -> None:
    put("a.nii")
    put("a_seg.nii", labels)
    _, truth = read(source, labels=[{"path": "{study}_seg.nii", "target": "cell", "separate": True}])
    assert [(info.target, info.instance) for info in truth.infos] == [("cell", 1), ("cell", 2)]


def test_a_file_a_target(put: Put, source: Path, labels: Array) -> None:
    put("a.nii")
    put("seg/a_liver.nii", labels // 2)
    put("seg/a_spleen.nii", labels % 2)
    _, truth = read(source, labels=[{"path": "seg/{study}_{target}.nii", "encoding": "files"}])
    assert truth.targets == ("liver", "spleen")
    assert np.array_equal(truth.areas(), [(labels == 2).sum(), (labels == 1).sum()])


def test_objects_are_counted_and_a_lone_one_is_not(put: Put, source: Path, labels: Array) -> None:
    put("a.nii")
    put("seg/a_node_007.nii", labels // 2)
    put("seg/a_node_003.nii", labels % 2)
    put("seg/a_liver_000.nii", labels % 2)
    _, truth = read(source, labels=[{"path": "seg/{study}_{target}_{instance}.nii", "encoding": "instances"}])
    assert [(info.target, info.instance) for info in truth.infos] == [("liver", 0), ("node", 1), ("node", 2)]
    assert truth.areas()[1] == (labels == 1).sum()


def test_two_kinds_of_labels(put: Put, source: Path, labels: Array) -> None:
    put("a.nii")
    put("a_seg.nii", labels)
    put("a_brain.nii", np.ones_like(labels))
    kinds = [
        {"path": "{study}_seg.nii", "names": {1: "edema", 2: "necrosis"}},
        {"path": "{study}_brain.nii", "encoding": "files", "target": "brain"},
    ]
    assert read(source, labels=kinds)[1].targets == ("edema", "necrosis", "brain")


def test_channels_have_the_names_of_the_recipe(put: Put, source: Path) -> None:
    put("a_x.nii")
    put("a_y.nii")
    channels, truth = read(source, images={"flair": "{study}_x.nii", "t1": "{study}_y.nii"})
    assert channels == ("flair", "t1")
    assert len(truth) == 0


def test_wrong_dimension_is_refused(put: Put, source: Path) -> None:
    put("a.nii")
    with pytest.raises(BadInput, match="is 3-dimensional where recipe mine says 2"):
        read(source, dimension=2)
