"""Three small CTs in the layout of TotalSegmentator's data, version 2: a folder a subject, a file a class."""

from pathlib import Path

import nibabel
import numpy as np

STUDIES = ("s0000", "s0001", "s1366")
CLASSES = ("liver", "kidney_left", "kidney_right", "vertebrae_T9", "skull")


def write(folder: Path) -> None:
    """Writes the fake into a new or empty folder."""
    rng = np.random.default_rng(3)
    affine = np.diag([-1.5, -1.5, 1.5, 1.0])
    for study in STUDIES:
        (folder / study / "segmentations").mkdir(parents=True)
        voxels = rng.integers(-1000, 1000, (14, 12, 10)).astype(np.int16)
        nibabel.Nifti1Image(voxels, affine).to_filename(folder / study / "ct.nii.gz")
        for number, name in enumerate(CLASSES):
            mask = np.zeros((14, 12, 10), np.uint8)
            if name != "skull":  # a class that is not in the picture has an empty file
                mask[2 * number : 2 * number + 2, 3:9, 2:8] = 1
            nibabel.Nifti1Image(mask, affine).to_filename(folder / study / "segmentations" / f"{name}.nii.gz")
    (folder / "meta.csv").write_text("image_id;age\ns0000;50\n")
