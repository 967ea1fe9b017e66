"""Three small volumes in the layout of the LiTS training set."""

import runpy
from pathlib import Path

VOLUMES = runpy.run_path(str(Path(__file__).with_name("volumes.py")))


def write(folder: Path) -> None:
    """Writes the fake into a new or empty folder."""
    pairs = [(folder / f"volume-{number}.nii", folder / f"segmentation-{number}.nii") for number in (0, 7, 28)]
    VOLUMES["write"](pairs, (1, 2))
