from pathlib import Path

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from imedbench.cli.protocols import app
from imedbench.errors import UnknownName
from imedbench.evaluate.protocol import Protocol, list_protocols, load_protocol

run = CliRunner().invoke


def test_list_names_every_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imedbench.cli.screen.console", Console(width=200))
    result = run(app, ["list"])
    assert result.exit_code == 0
    rows = [line.split() for line in result.output.splitlines()]
    assert [row[0] for row in rows[1:]] == list_protocols()
    assert rows[1 + list_protocols().index("noc")][1:6] == ["2,", "3", "1", "20", "click"]


@pytest.mark.parametrize("name", ["cvpr2025", "robustness"])
def test_show_is_yaml_that_loads(name: str) -> None:
    result = run(app, ["show", name])
    assert Protocol.model_validate(yaml.safe_load(result.output)) == load_protocol(name)
    assert load_protocol(name).digest() in result.output.splitlines()[0]


def test_show_reads_a_file_and_its_output_is_one(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(run(app, ["show", "single"]).output)
    assert run(app, ["show", str(mine)]).output.splitlines()[1:] == mine.read_text().splitlines()


def test_unknown_name_is_an_error_for_people() -> None:
    assert isinstance(run(app, ["show", "no-such"]).exception, UnknownName)
