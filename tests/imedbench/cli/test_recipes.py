import runpy
from pathlib import Path

import pytest
from typer.testing import CliRunner

from imedbench.cli.recipes import app
from imedbench.errors import BadRecipe
from imedbench.recipe import load_recipe

FAKES = Path(__file__).resolve().parents[2] / "fakes"
run = CliRunner().invoke


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    runpy.run_path(str(FAKES / "msd_hippocampus.py"))["write"](tmp_path / "raw")
    return tmp_path / "raw"


def test_list_names_every_recipe() -> None:
    result = run(app, ["list"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "msd_hippocampus" in result.output
    assert "CC-BY-4.0" in result.output


def test_show_is_yaml_that_loads(tmp_path: Path) -> None:
    result = run(app, ["show", "btcv"])
    (tmp_path / "btcv.yaml").write_text(result.output)
    assert load_recipe(tmp_path / "btcv.yaml") == load_recipe("btcv")


def test_check_counts_and_exits_by_the_problems(fake: Path) -> None:
    result = run(app, ["check", "msd_hippocampus", "--source", str(fake)])
    assert result.exit_code == 0
    assert "3 studies of 3 patients, 0 problems." in result.output
    (fake / "labelsTr/hippocampus_003.nii.gz").unlink()
    result = run(app, ["check", "msd_hippocampus", "--source", str(fake)])
    assert result.exit_code == 1
    assert "2 studies of 2 patients, 1 problem." in result.output
    assert "no label file belongs to this image" in result.output


def test_new_writes_a_recipe_that_checks(fake: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.yaml"
    result = run(app, ["new", str(fake), "--out", str(out)])
    assert result.exit_code == 0
    assert "Medical Segmentation Decathlon" in " ".join(result.output.split())
    assert run(app, ["check", str(out), "--source", str(fake)]).exit_code == 0


def test_mistake_is_an_error_for_people(tmp_path: Path) -> None:
    result = run(app, ["new", str(tmp_path)])
    assert isinstance(result.exception, BadRecipe)
