"""The same CTs as of `totalsegpp`, as `imedbench curate totalseg --version v1` leaves them: with 107 structures."""

import runpy
from pathlib import Path


def write(folder: Path) -> None:
    """Writes the fake into a new or empty folder."""
    runpy.run_path(str(Path(__file__).with_name("totalsegpp.py")))["write"](folder, last=107)
