from pathlib import Path

import nibabel
import numpy as np
import pytest
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


@pytest.fixture
def curated(tmp_path: Path) -> Path:
    """One subject that was curated."""
    voxels = np.full((24, 30, 30), -1000, np.int16)
    voxels[4:20, 4:26] = 40
    folder = tmp_path / "source" / "s0000"
    folder.mkdir(parents=True)
    for name, array in (("ct", voxels), ("labels", np.uint8(5) * (voxels == 40))):
        nibabel.Nifti1Image(array, np.diag([5.0, 5.0, 5.0, 1.0])).to_filename(folder / f"{name}.nii.gz")
    told = ["--source", str(tmp_path / "source"), "--out", str(tmp_path / "out"), "--workers", "0"]
    assert CliRunner().invoke(app, ["curate", "totalseg", *told], catch_exceptions=False).exit_code == 0
    return tmp_path / "out"


def test_out_to_be_repaired_and_back(curated: Path, tmp_path: Path) -> None:
    out, repair = str(curated), tmp_path / "repair"
    answer = CliRunner().invoke(app, ["curate", "export", out, "s0000", "--to", str(repair)], catch_exceptions=False)
    assert answer.stdout.strip() == str(repair / "s0000")
    answer = CliRunner().invoke(app, ["curate", "import", out, str(repair)], catch_exceptions=False)
    assert "s0000: nothing was changed" in answer.stdout
    file = nibabel.load(repair / "s0000" / "labels.nii.gz")
    labels = np.asanyarray(file.dataobj).copy()
    labels[10, 10, 10:14] = 1
    nibabel.Nifti1Image(labels, file.affine).to_filename(repair / "s0000" / "labels.nii.gz")
    answer = CliRunner().invoke(app, ["curate", "import", out, str(repair)], catch_exceptions=False)
    assert "0.50 ml  liver -> spleen" in answer.stdout


def test_review_says_where_its_page_is(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("imedbench.curate.server.ReviewServer.serve_forever", interrupted)
    answer = CliRunner().invoke(app, ["curate", "review", str(curated)], catch_exceptions=False)
    assert answer.exit_code == 0
    assert "http://127.0.0.1:" in answer.stdout
