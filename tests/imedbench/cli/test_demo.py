from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from imedbench.build.pipeline import BuildSummary, Progress
from imedbench.cli import app
from imedbench.workers import Workers


def test_the_demo_prints_what_it_made_and_where_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sample_store: SimpleNamespace
) -> None:
    asked: list[tuple[Path, bool, int]] = []

    def stand_in(out: Path, *, small: bool, workers: Workers, progress: Callable[[Progress], None]) -> BuildSummary:
        asked.append((out, small, workers.count))
        progress(Progress("raw", 1, 1, 0))
        return BuildSummary(sample_store.path, sample_store.path / "report.html", ())

    monkeypatch.setattr("imedbench.demo.run.run_demo", stand_in)
    result = CliRunner().invoke(app, ["demo", "--small", "--out", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0
    assert asked == [(tmp_path, True, 2)]
    assert "interactive masks" in result.output
    assert "report.html" in result.output
