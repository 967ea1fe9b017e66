import runpy
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from imedbench.cli import app, main
from imedbench.evaluate.results import Results
from imedbench.store import Store

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "results.py"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made: Store = FAKE["make_store"](tmp_path_factory.mktemp("eval") / "store", patients=2)
    return made


def run(data: Path, out: Path, *options: str) -> tuple[int, str]:
    arguments = ["eval", "--data", str(data), "--out", str(out), "--workers", "0", *options]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    return result.exit_code, " ".join(result.output.split())


def test_scores_are_shown_and_a_report_is_written(store: Store, tmp_path: Path) -> None:
    code, said = run(store.path, tmp_path / "out", "--model", "threshold", "--prompts", "noisy")
    assert code == 0
    assert "Not asked, because the model takes no such prompts: text" in said
    assert "Dice" in said
    assert "Finished" in said
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000
    assert Results.open(tmp_path / "out").run["prompts"]["name"] == "noisy"
    # The second time nothing is left to do.
    assert run(store.path, tmp_path / "out", "--model", "threshold", "--prompts", "noisy")[0] == 0


def test_a_store_called_zarr_needs_no_mention(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "zarr").symlink_to(store.path)
    arguments = ["eval", "--model", "oracle", "--prompts", "noisy", "--limit", "1", "--workers", "0"]
    assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
    assert Results.open(tmp_path / "results" / "oracle-single-noisy").run["model"] == "oracle"


def test_sessions_that_fail_are_in_the_exit_code(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("it broke")

    monkeypatch.setattr("imedbench.models.oracle.OracleSession.predict_many", breaks)
    code, said = run(store.path, tmp_path / "out", "--model", "oracle", "--limit", "1")
    assert code == 3
    assert "20 sessions failed; they count, and the report lists them" in said
    assert "it broke" in (tmp_path / "out" / "report.html").read_text()


def test_raw_studies_are_built_first(tmp_path: Path) -> None:
    for name in "abcdefghij":
        labels = np.zeros((20, 20, 4), np.uint8)
        labels[5:15, 5:15] = 1
        for folder, array in (("images", labels.astype(np.int16) * 100), ("labels", labels)):
            (tmp_path / "raw" / folder).mkdir(parents=True, exist_ok=True)
            nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / "raw" / folder / f"{name}.nii.gz")
    options = ("--model", "oracle", "--split", "all", "--on", "volumes", "--limit", "2")
    code, said = run(tmp_path / "raw", tmp_path / "out", *options)
    assert code == 0
    assert "no recipe given, so this is inferred" in said
    results = Results.open(tmp_path / "out")
    assert results.data == tmp_path / "out" / "data.zarr"
    assert set(results.scores["case"].to_pylist()) <= set(Store.open(results.data).ids)
    assert run(tmp_path / "raw", tmp_path / "out", *options)[0] == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--model", "nobody"], "error: there is no model called 'nobody'"),
        (["--model", "lite-medsam", "--protocol", "noc"], "error: lite-medsam takes box prompts, and every arm"),
        (["--model", "oracle", "--protocol", "cvpr2025"], "has no volumes with truth masks"),
        (["--model", "oracle", "--target", "pancreas"], "there is no target in this store called 'pancreas'"),
        (["--model", "oracle", "--checkpoint", "/no/such.pth"], "there is no such file"),
    ],
)
def test_mistakes_are_one_line(
    store: Store,
    tmp_path: Path,
    options: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["imedbench", "eval", "--data", str(store.path), "--out", str(tmp_path / "out"), *options]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_data_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "imedbench",
        "eval",
        "--model",
        "oracle",
        "--data",
        str(tmp_path / "no"),
        "--out",
        str(tmp_path / "out"),
    ]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()
