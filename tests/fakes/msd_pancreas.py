"""Three small volumes in the layout of the Medical Segmentation Decathlon."""

import json
import runpy
from pathlib import Path

VOLUMES = runpy.run_path(str(Path(__file__).with_name("volumes.py")))


def write(folder: Path) -> None:
    """Writes the fake into a new or empty folder."""
    names = [f"pancreas_{number:03}.nii.gz" for number in (1, 5, 12)]
    VOLUMES["write"]([(folder / "imagesTr" / name, folder / "labelsTr" / name) for name in names], (1, 2))
    description = {
        "name": "Pancreas",
        "modality": {"0": "CT"},
        "labels": {"0": "background", "1": "pancreas", "2": "cancer"},
        "training": [{"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in names],
    }
    (folder / "dataset.json").write_text(json.dumps(description))
