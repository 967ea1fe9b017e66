import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from typer.testing import CliRunner

from imedbench.cli import app, main
from imedbench.cli.submit import KEY
from imedbench.submission.bundle import unpack

BOARD = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "board.py"))
BUNDLE = "threshold-levels-perfect.imedbench.zip"


@pytest.fixture
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return BOARD["made"](tmp_path_factory.getbasetemp())


@pytest.fixture
def honest(made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run, in a folder where nothing else is."""
    monkeypatch.setattr("imedbench.cli.screen.console", Console(width=200))
    monkeypatch.delenv(KEY, raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    run: Path = made.runs["levels/threshold"]
    return run


@pytest.fixture
def forged(honest: Path, tmp_path: Path, made: Any) -> Path:
    copy = tmp_path / "forged"
    shutil.copytree(honest, copy)
    table = pq.read_table(copy / "scores.parquet")
    rows = table.to_pylist()
    rows[0]["value"] = 0.999
    pq.write_table(pa.Table.from_pylist(rows, table.schema), copy / "scores.parquet")
    return copy


def submit(*options: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["submit", *map(str, options)], catch_exceptions=False)
    return result.exit_code, result.output


def test_an_honest_run_holds(honest: Path) -> None:
    code, said = submit(honest, "--check", "--workers", 1)
    assert code == 0
    assert "every score is what the guess scores: holds" in said
    assert "Verified: 48 sessions with 48 turns asked again" in said


def test_a_forged_run_does_not(forged: Path, made: Any) -> None:
    code, said = submit(forged, "--check", "--workers", 1, "--data", made.store)
    assert code == 1
    assert "every score is what the guess scores: 1 discrepancy" in said
    assert "not 0.999" in said
    assert "Rejected" in said


def test_it_is_put_into_a_folder(honest: Path, tmp_path: Path) -> None:
    code, said = submit(honest, "--to", tmp_path / "out", "--name", "Ours", "--authors", "A, B")
    path = tmp_path / "out" / BUNDLE
    assert code == 0
    assert f"{path}: {path.stat().st_size / 1e6:,.1f} MB" in said
    bundle = unpack(path, tmp_path / "unpacked")
    assert (bundle.about.name, bundle.about.authors) == ("Ours", "A, B")
    assert list((tmp_path / "out").iterdir()) == [path]


def test_without_a_place_it_is_put_here(honest: Path) -> None:
    assert submit(honest)[0] == 0
    assert [path.name for path in Path().iterdir()] == [BUNDLE]


@pytest.mark.parametrize(("key", "options"), [("", ["--task", "levels"]), ("imb_0_0", []), ("", [])])
def test_sending_needs_a_key_and_a_task(
    honest: Path, monkeypatch: pytest.MonkeyPatch, key: str, options: list[str]
) -> None:
    monkeypatch.setenv(KEY, key)
    code, said = submit(honest, "--to", "http://127.0.0.1:9", *options)
    assert code == 2
    assert KEY in said
    assert not (honest / BUNDLE).exists()


def test_sending(made: Any, honest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []

    def send(server: Any, path: Path, task: str, progress: Any) -> str:
        sent.append((server.url, server.key, path.name, task))
        progress(5, 10)
        return "http://a/submissions/x.html"

    shutil.copytree(honest, tmp_path / "run")
    monkeypatch.setattr("imedbench.submission.send.send", send)
    monkeypatch.setenv(KEY, made.key)
    code, said = submit(tmp_path / "run", "--to", "http://a/", "--task", "levels")
    assert (code, sent) == (0, [("http://a", made.key, BUNDLE, "levels")])
    assert "Submitted http://a/submissions/x.html" in said
    assert made.key not in said


def test_a_bundle_is_checked_against_data_that_are_named(honest: Path, made: Any) -> None:
    submit(honest)
    assert submit(BUNDLE, "--check", "--workers", 1, "--data", made.store)[0] == 0
    code, said = submit(BUNDLE, "--check")
    assert (code, "--data" in said) == (2, True)


@pytest.mark.parametrize(
    "options",
    [
        ["RUN", "--name", "x" * 61],
        ["RUN", "--code", "x"],
        ["."],
        ["RUN", "--data", ".", "--check"],
    ],
)
def test_mistakes_are_one_line(
    honest: Path, options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    submit(honest)
    told = [str(honest) if each == "RUN" else each for each in options]
    monkeypatch.setattr(sys, "argv", ["imedbench", "submit", *told])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    shown = capsys.readouterr().err
    assert shown.startswith("error: ")
    assert shown.count("\n") == 1


def test_help_imports_nothing_heavy() -> None:
    heavy = {"torch", "numpy", "pyarrow", "sqlalchemy", "fastapi", "uvicorn", "leaderboard", "requests", "alembic"}
    code = f"import sys, imedbench.cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
