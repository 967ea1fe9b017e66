"""A build's memory does not grow with the number of studies."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

FEW, MANY = 40, 400
CODE = """
import resource, sys
from pathlib import Path
from typing import Any
from imedbench.build.pipeline import build_store
from imedbench.workers import Workers
from imedbench.build.plan import Source
from imedbench.build.tasks import BuildSettings
from imedbench.recipe import Recipe

labels = {"path": "labels/{study}.nii", "names": {1: "liver"}}
recipe = Recipe(name="set", dimension=3, images="{study}.nii", labels=[labels])
build_store([Source(Path(sys.argv[1]), recipe)], Path(sys.argv[2]), BuildSettings(), workers=Workers(0))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def peak_mb(folder: Path, studies: int) -> float:
    """Peak resident memory of a process that builds a store of so many volumes of 96 x 96 x 32, all in itself."""
    raw = folder / f"raw-{studies}"
    (raw / "labels").mkdir(parents=True)
    rng = np.random.default_rng(0)
    labels = np.zeros((96, 96, 32), np.uint8)
    labels[20:70, 20:70] = 1
    for number in range(studies):
        voxels = rng.integers(0, 2000, labels.shape).astype(np.int16)
        nib.save(nib.Nifti1Image(voxels, np.eye(4)), raw / f"{number:04d}.nii")
        nib.save(nib.Nifti1Image(labels, np.eye(4)), raw / "labels" / f"{number:04d}.nii")
    command = [sys.executable, "-c", CODE, str(raw), str(folder / f"store-{studies}")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


@pytest.mark.slow
def test_ten_times_the_studies_take_the_same_memory(tmp_path: Path, record_property: Any) -> None:
    few, many = peak_mb(tmp_path, FEW), peak_mb(tmp_path, MANY)
    record_property("peak_mb_few", few)
    record_property("peak_mb_many", many)
    # Of 360 further studies, whose voxels take 212 MB, nothing must stay.
    assert many - few < 60, (few, many)
