from pathlib import Path

import nibabel
import numpy as np
from typer.testing import CliRunner

from imedbench.cli import app
from imedbench.cli.curate import QUARANTINED


def test_a_subject_that_cannot_be_used(tmp_path: Path) -> None:
    folder = tmp_path / "source" / "s0000"
    folder.mkdir(parents=True)
    nibabel.Nifti1Image(np.zeros((8, 8, 8), np.int16), np.eye(4)).to_filename(folder / "ct.nii.gz")
    told = [
        "curate",
        "totalseg",
        "--source",
        str(tmp_path / "source"),
        "--out",
        str(tmp_path / "out"),
        "--workers",
        "0",
    ]
    result = CliRunner().invoke(app, told, catch_exceptions=False, env={"COLUMNS": "200"})
    assert result.exit_code == QUARANTINED
    assert "1 subject in quarantine" in result.output
    assert "is no CT in Hounsfield units" in result.output
    assert "Finished" in result.output


def test_help_names_the_versions() -> None:
    result = CliRunner().invoke(app, ["curate", "totalseg", "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "v1" in result.output
    assert "--per-class" in result.output
