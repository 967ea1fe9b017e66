"""Three small volumes in the layout of KiTS."""

import runpy
from pathlib import Path

VOLUMES = runpy.run_path(str(Path(__file__).with_name("volumes.py")))


def write(folder: Path) -> None:
    """Writes the fake into a new or empty folder."""
    cases = [folder / f"case_{number:05}" for number in (0, 3, 210)]
    VOLUMES["write"]([(case / "imaging.nii.gz", case / "segmentation.nii.gz") for case in cases], (1, 2))
