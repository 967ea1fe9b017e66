"""Small CT volumes with a label map each, for the fakes of data sets that are that and little else."""

from collections.abc import Iterable
from pathlib import Path

import nibabel
import numpy as np


def write(pairs: Iterable[tuple[Path, Path]], values: tuple[int, ...]) -> None:
    """Writes image and label of each pair of paths; folders are made."""
    rng = np.random.default_rng(2)
    affine = np.diag([0.8, 0.8, 2.5, 1.0])
    for image, label in pairs:
        image.parent.mkdir(parents=True, exist_ok=True)
        label.parent.mkdir(parents=True, exist_ok=True)
        voxels = rng.normal(40, 60, (12, 14, 9)).astype(np.int16)
        nibabel.Nifti1Image(voxels, affine).to_filename(image)
        labels = np.zeros(voxels.shape, np.uint8)
        for number, value in enumerate(values):
            labels[2 + 2 * number : 8, 3:10, 2 + number : 7] = value
        nibabel.Nifti1Image(labels, affine).to_filename(label)
