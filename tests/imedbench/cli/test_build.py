import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from imedbench.cli import app, main
from imedbench.store import Store

HEAVY = {"torch", "zarr", "dask", "distributed", "pyarrow", "SimpleITK", "cv2", "scipy", "nibabel", "pydicom", "numpy"}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    labels = np.zeros((20, 20, 4), np.uint8)
    labels[5:15, 5:15] = 1
    for name in ("a", "b"):
        for folder, array in (("images", labels.astype(np.int16) * 100), ("labels", labels)):
            (tmp_path / "raw" / folder).mkdir(parents=True, exist_ok=True)
            nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / "raw" / folder / f"{name}.nii.gz")
    return tmp_path / "raw"


def build(raw: Path, out: Path, *options: str) -> tuple[int, str]:
    arguments = ["build", "--source", str(raw), "--out", str(out), "--workers", "0", "--interactive", "none", *options]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    return result.exit_code, " ".join(result.output.split())


def test_help_imports_nothing_heavy() -> None:
    code = f"import sys, imedbench.cli; print(sorted({HEAVY} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_a_recipe_it_says_what_it_inferred(raw: Path, tmp_path: Path) -> None:
    code, said = build(raw, tmp_path / "zarr")
    assert code == 0
    assert "no recipe given, so this is inferred" in said
    assert "report.html" in said
    assert "8 pictures and 2 volumes of 2 patients; 8 truth masks, 0 interactive masks" in said
    assert len(Store.open(tmp_path / "zarr")) == 10
    assert (tmp_path / "zarr" / "report.html").stat().st_size > 10_000
    assert (tmp_path / "zarr" / "croissant.json").exists()


def test_quarantine_is_told_and_is_in_the_exit_code(raw: Path, tmp_path: Path) -> None:
    (raw / "images" / "c.nii.gz").write_bytes(b"\x1f\x8b\x08")
    (raw / "labels" / "c.nii.gz").write_bytes(b"\x1f\x8b\x08")
    code, said = build(raw, tmp_path / "zarr")
    assert code == 3
    assert "1 study in quarantine" in said
    assert "c.nii.gz" in said
    assert len(Store.open(tmp_path / "zarr")) == 10


def test_a_dry_run_writes_nothing(raw: Path, tmp_path: Path) -> None:
    code, said = build(raw, tmp_path / "zarr", "--dry-run")
    assert code == 0
    assert "with 0 workers" not in said
    assert "From a sample of" in said
    assert not (tmp_path / "zarr").exists()


def test_recipes_and_sources_must_pair(raw: Path, tmp_path: Path) -> None:
    code, said = build(raw, tmp_path / "zarr", "--recipe", "btcv", "--recipe", "btcv")
    assert code == 2
    assert "1 --source but 2 --recipe" in said


def test_an_interrupted_build_says_that_nothing_is_lost(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("imedbench.build.pipeline.build_store", interrupt)
    code, said = build(raw, tmp_path / "zarr")
    assert code == 130
    assert "the same command goes on from here" in said


def test_published_masks_that_nobody_published(raw: Path, tmp_path: Path) -> None:
    code, said = build(raw, tmp_path / "zarr", "--interactive", "published")
    assert code == 2
    assert "no recipe here has interactive masks" in said


def test_a_folder_that_cannot_be_written_is_one_line_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    arguments = ["imedbench", "view", str(tmp_path), "--out", str(tmp_path / "file" / "below")]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {tmp_path / 'file'}")
    assert said.count("\n") == 1


def test_an_error_is_one_line_and_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "nowhere")
    monkeypatch.setattr(sys, "argv", ["imedbench", "build", "--source", missing, "--out", str(tmp_path / "zarr")])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "nowhere" in said
    assert said.count("\n") == 1
