import runpy
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from imedbench.cli.report import report
from imedbench.errors import BadResults

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "results.py"))
app = typer.Typer()
app.command()(report)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two runs of one protocol, and one of another."""
    folder = tmp_path_factory.mktemp("runs")
    store: Any = FAKE["make_store"](folder / "store", patients=2)
    turns, levels = FAKE["turns_protocol"](3), FAKE["levels_protocol"]()
    for name, protocol in (("alpha", turns), ("beta", turns), ("gamma", levels)):
        FAKE["write_results"](folder / name, store, protocol, FAKE["Answers"](name))
    return [str(folder / name) for name in ("alpha", "beta", "gamma")]


def test_shows_a_run(runs: list[str]) -> None:
    answer = CliRunner().invoke(app, runs[:1], catch_exceptions=False)
    assert answer.exit_code == 0
    assert "alpha" in answer.stdout
    assert "Effort" in answer.stdout


def test_compares_runs_and_writes_the_files(runs: list[str], tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, [*runs[:2], "--out", str(tmp_path / "out")], catch_exceptions=False)
    assert answer.exit_code == 0
    assert "may be chance" in answer.stdout.replace("\n", " ") or "chance" in answer.stdout
    assert (tmp_path / "out" / "report.html").is_file()
    assert (tmp_path / "out" / "tables" / "differences-dice.csv").is_file()
    assert str(tmp_path / "out" / "report.html") in answer.stdout.replace("\n", "")


def test_runs_that_cannot_be_compared_are_refused_and_nothing_is_written(runs: list[str], tmp_path: Path) -> None:
    with pytest.raises(BadResults, match="report each by itself"):
        CliRunner().invoke(app, [runs[0], runs[2], "-o", str(tmp_path / "out")], catch_exceptions=False)
    assert not (tmp_path / "out").exists()


def test_a_folder_without_results_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadResults, match="no results here"):
        CliRunner().invoke(app, [str(tmp_path)], catch_exceptions=False)
