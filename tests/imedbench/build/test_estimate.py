from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from imedbench.build.estimate import estimate
from imedbench.build.pipeline import build_store
from imedbench.build.plan import Source
from imedbench.build.tasks import BuildSettings
from imedbench.recipe import Recipe
from imedbench.workers import Workers

RECIPE = Recipe.model_validate(
    {
        "name": "set",
        "dimension": 3,
        "images": "{study}.nii.gz",
        "labels": [{"path": "labels/{study}.nii.gz", "names": {1: "liver"}}],
    }
)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    raw = tmp_path / "raw"
    (raw / "labels").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in "abcd":
        labels = np.zeros((64, 64, 20), np.uint8)
        labels[5:45, 5:45] = 1
        nib.save(nib.Nifti1Image(labels, np.eye(4)), raw / "labels" / f"{name}.nii.gz")
        voxels = rng.integers(0, 1000, labels.shape).astype(np.int16)
        nib.save(nib.Nifti1Image(voxels, np.eye(4)), raw / f"{name}.nii.gz")
    (raw / "e.nii.gz").write_bytes(b"\x1f\x8b")
    return Source(raw, RECIPE)


def test_an_estimate_counts_and_measures_and_writes_nothing(source: Source, tmp_path: Path) -> None:
    out = tmp_path / "store"
    found = estimate([source], out, BuildSettings(name="store"), workers=2)
    assert not out.exists()
    [row] = found.sources
    assert (row.recipe, row.studies, row.images, row.nbytes) == ("set", 4, 80, 4 * 64 * 64 * 20 * 2)
    assert [problem["study"] for problem in found.problems] == ["set/e"]
    assert found.seconds > 0
    assert found.finished == 0
    build_store([source], out, BuildSettings(name="store"), workers=Workers(0))
    stored = sum(path.stat().st_size for path in (out / "parts").rglob("*") if path.is_file())
    assert 0.5 < found.store_bytes / stored < 2
    again = estimate([source], out, BuildSettings(name="store"), workers=2)
    assert again.finished == 80
    assert again.seconds == 0
