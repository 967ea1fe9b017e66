import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from imedbench.cli import app

LABELS = {"subject": "s0000", "labelled_before": 0.4, "labelled_after": 0.9, "doubts": [], "known_errors": []}
LIVER = {"name": "liver", "ml": 1500.0, "mean_hu": 60.0, "std_hu": 12.0, "border": False}
SIDES = {"rule": "sides", "structures": ["kidney_left"], "what": "have each other's name", "remedy": "renamed", "ml": 0}


@pytest.fixture
def curated(tmp_path: Path) -> Path:
    rows = [
        {**LABELS, "structures": [LIVER], "findings": [SIDES], "repaired": False},
        {"subject": "s0001", "error": "s0001/ct.nii.gz: is no CT; give one."},
    ]
    (tmp_path / "subjects.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "provenance.json").write_text(json.dumps({"settings": {"version": "v2"}}))
    return tmp_path


def test_tables(curated: Path) -> None:
    answer = CliRunner().invoke(app, ["stats", str(curated)], catch_exceptions=False, env={"COLUMNS": "100"})
    assert answer.exit_code == 0
    for words in ("1 subject", "40.0% were labelled, now 90.0%", "liver", "1,500.0", "renamed", "s0001/ct.nii.gz"):
        assert words in answer.stdout


def test_json_and_a_page(curated: Path) -> None:
    path = curated / "page.html"
    answer = CliRunner().invoke(app, ["stats", str(curated), "--json", "--page", str(path)], catch_exceptions=False)
    assert json.loads(answer.stdout)["structures"][0]["ml"] == 1500
    assert "liver" in path.read_text()


def test_a_store_has_another_page(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["stats", str(tmp_path), "--page", str(tmp_path / "page.html")])
    assert answer.exit_code == 2
    assert "the page about a store" in answer.stderr
