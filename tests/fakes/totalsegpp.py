"""Three small CTs as `imedbench curate totalseg --version v2` leaves them: one file of all labels each."""

from pathlib import Path

import nibabel
import numpy as np

STUDIES = ("s0000", "s0001", "s1366")


def write(folder: Path, last: int = 120) -> None:
    """Writes the fake into a new or empty folder; ``last`` is the number of the last structure."""
    rng = np.random.default_rng(4)
    affine = np.diag([-1.5, -1.5, 1.5, 1.0])
    for study in STUDIES:
        (folder / study).mkdir(parents=True)
        voxels = rng.integers(-1000, 1000, (14, 12, 10)).astype(np.int16)
        nibabel.Nifti1Image(voxels, affine).to_filename(folder / study / "ct.nii.gz")
        labels = np.zeros((14, 12, 10), np.uint8)
        for place, number in enumerate((1, 5, last)):
            labels[4 * place : 4 * place + 3, 3:9, 2:8] = number
        nibabel.Nifti1Image(labels, affine).to_filename(folder / study / "labels.nii.gz")
    (folder / "meta.csv").write_text("image_id;age\ns0000;50\n")
