from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from imedbench.errors import BadRecipe
from imedbench.layout import infer_recipe
from imedbench.types import Array

Put = Callable[..., Path]


def test_pairs_by_their_grid(put: Put, source: Path) -> None:
    for number, (image, label) in enumerate((("scan_ct", "first_seg"), ("scan_mr", "other_seg"))):
        put(f"{image}.nii", np.random.default_rng(0).normal(size=(4 + number, 6, 7)).astype(np.float32))
        values = np.zeros((4 + number, 6, 7), np.uint8)
        values[1:3] = 1
        put(f"{label}.nii", values)
    recipe, _ = infer_recipe(source)
    assert [(one.id, one.labels, one.modality) for one in recipe.studies] == [
        ("scan_ct", ("first_seg.nii",), "ct"),
        ("scan_mr", ("other_seg.nii",), "mr"),
    ]


@pytest.mark.parametrize(("count", "told"), [(1, "2 images have its grid"), (0, "no image has its grid")])
def test_label_of_no_image_or_of_several_is_refused(
    put: Put, source: Path, labels: Array, count: int, told: str
) -> None:
    put("scan_ct.nii")
    put("scan_mr.nii")
    put("first_seg.nii", labels if count else labels[1:])
    with pytest.raises(BadRecipe, match=told):
        infer_recipe(source)
