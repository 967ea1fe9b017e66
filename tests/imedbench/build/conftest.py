from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from imedbench.build.plan import Source
from imedbench.recipe import Recipe

MakeSource = Callable[[str, tuple[int, int, int]], Source]


@pytest.fixture
def make_source(tmp_path: Path) -> MakeSource:
    """Called with one letter a study and the shape of their files (x, y, z): noise with a liver in every plane."""

    def make(studies: str, shape: tuple[int, int, int]) -> Source:
        raw = tmp_path / "raw"
        (raw / "labels").mkdir(parents=True)
        rng = np.random.default_rng(0)
        labels = np.zeros(shape, np.uint8)
        labels[5 : shape[0] - 5, 5 : shape[1] - 5] = 1
        for name in studies:
            voxels = rng.integers(0, 1000, shape).astype(np.int16)
            nib.save(nib.Nifti1Image(labels, np.eye(4)), raw / "labels" / f"{name}.nii.gz")
            nib.save(nib.Nifti1Image(voxels, np.eye(4)), raw / f"{name}.nii.gz")
        fields = {
            "name": "set",
            "dimension": 3,
            "images": "{study}.nii.gz",
            "labels": [{"path": "labels/{study}.nii.gz", "names": {1: "liver"}}],
        }
        return Source(raw, Recipe.model_validate(fields))

    return make
