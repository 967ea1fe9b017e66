"""Three small volumes in the layout of the Medical Segmentation Decathlon, with the archive's own droppings."""

import json
from pathlib import Path

import nibabel
import numpy as np

STUDIES = ("hippocampus_001", "hippocampus_003", "hippocampus_204")


def write(folder: Path) -> None:
    """Writes the fake into a new or empty folder."""
    rng = np.random.default_rng(2)
    for name in ("imagesTr", "labelsTr", "imagesTs"):
        (folder / name).mkdir(parents=True)
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    for study in STUDIES:
        voxels = rng.normal(1000, 200, (9, 12, 10)).astype(np.float32)
        nibabel.Nifti1Image(voxels, affine).to_filename(folder / "imagesTr" / f"{study}.nii.gz")
        labels = np.zeros((9, 12, 10), np.uint8)
        labels[2:5, 3:8, 2:8] = 1
        labels[5:7, 3:8, 2:8] = 2
        nibabel.Nifti1Image(labels, affine).to_filename(folder / "labelsTr" / f"{study}.nii.gz")
        (folder / "imagesTr" / f"._{study}.nii.gz").write_bytes(b"\0\5\x16\7")
    description = {
        "name": "Hippocampus",
        "licence": "CC-BY-SA 4.0",
        "modality": {"0": "MRI"},
        "labels": {"0": "background", "1": "Anterior", "2": "Posterior"},
        "training": [
            {"image": f"./imagesTr/{study}.nii.gz", "label": f"./labelsTr/{study}.nii.gz"} for study in STUDIES
        ],
    }
    (folder / "dataset.json").write_text(json.dumps(description))
