from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from imedbench.layout import Problem
from imedbench.layout.checking import CheckedStudy, check_source, unknown_names
from imedbench.recipe import Recipe
from imedbench.types import Array

Put = Callable[..., Path]
LABELS = [{"path": "{study}_seg.nii", "names": {1: "liver", 2: "left liver"}}]


def recipe(**fields: Any) -> Recipe:
    return Recipe.model_validate({"name": "mine", "dimension": 3, "images": "{study}.nii", "labels": LABELS} | fields)


def test_sound_study(put: Put, source: Path, labels: Array) -> None:
    put("a.nii")
    put("a_seg.nii", labels)
    (checked,) = check_source(source, recipe())
    assert isinstance(checked, CheckedStudy)
    assert checked.shape == (7, 6, 5)
    assert checked.spacing_mm == (1.0, 1.0, 1.0)


def test_label_of_another_grid(put: Put, source: Path) -> None:
    put("a.nii")
    put("a_seg.nii", np.ones((4, 6, 7), np.uint8))
    (problem,) = check_source(source, recipe())
    assert isinstance(problem, Problem)
    assert "a_seg.nii: has the grid (7, 6, 4) where a.nii has (7, 6, 5)" in problem.error


def test_damaged_and_wrong_images(put: Put, source: Path, labels: Array) -> None:
    put("a.nii").write_bytes(b"no nifti at all")
    put("a_seg.nii", labels)
    put("b.nii")
    put("b_seg.nii", labels)
    first, _ = check_source(source, recipe())
    assert isinstance(first, Problem)
    _, second = check_source(source, recipe(dimension=2))
    assert isinstance(second, Problem)
    assert "is 3-dimensional where recipe mine says 2" in second.error


def test_names_outside_the_vocabulary_unless_declared() -> None:
    assert unknown_names(recipe()) == ["left liver"]
    assert unknown_names(recipe(outside=["left liver"])) == []
