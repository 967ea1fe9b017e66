import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from imedbench.cli import main
from imedbench.cli.leaderboard import app

BOARD = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "board.py"))


@pytest.fixture
def made(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("imedbench.cli.screen.console", Console(width=200))
    return BOARD["made"](tmp_path_factory.getbasetemp()).copy(tmp_path / "two")


def run(*options: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(map(str, options)), catch_exceptions=False)
    return result.exit_code, result.output


def test_verifies_a_file(made: Any) -> None:
    (bundle, *_) = sorted(made.store.parent.glob("levels-*.zip"))
    code, said = run("verify", bundle, "--data", made.store, "--workers", 1)
    assert code == 0
    assert "Verified: 48 sessions" in said


def test_a_file_that_is_damaged_is_one_line(
    made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "it.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    arguments = ["leaderboard", "verify", str(tmp_path / "it.zip"), "--data", str(made.store)]
    monkeypatch.setattr(sys, "argv", ["imedbench", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    shown = capsys.readouterr().err
    assert (shown.startswith("error: it.zip"), shown.count("\n")) == (True, 1)


def test_exports(made: Any, tmp_path: Path) -> None:
    code, said = run("export", tmp_path / "out", "--folder", made.folder)
    count = sum(path.is_file() for path in (tmp_path / "out").rglob("*"))
    assert code == 0
    assert said.strip() == f"{count:,} files: {tmp_path / 'out' / 'index.html'}"


def test_exports_into_no_other_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    monkeypatch.setattr(
        sys, "argv", ["imedbench", "leaderboard", "export", str(tmp_path / "out"), "--folder", str(tmp_path / "new")]
    )
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    shown = capsys.readouterr().err
    assert ("holds other files" in shown, shown.count("\n")) == (True, 1)


def test_serves_what_was_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Any] = []

    def serve(settings: Any, place: Any, ready: Any) -> None:
        served.append((settings.folder, settings.name, place.host, place.port, place.workers))
        ready("http://127.0.0.1:1/")

    monkeypatch.setattr("leaderboard.serve.serve", serve)
    code, said = run("serve", "--folder", tmp_path, "--port", 0, "--workers", 2, "--name", "Ours")
    assert (code, served) == (0, [(tmp_path, "Ours", "127.0.0.1", 0, 2)])
    assert said == "Ours: http://127.0.0.1:1/ (Ctrl+C ends it)\n"
