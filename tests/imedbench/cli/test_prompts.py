import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from imedbench.cli.prompts import app
from imedbench.errors import UnknownName
from imedbench.prompts.sets import PromptSet, list_sets, load_set

run = CliRunner().invoke


def test_list_names_every_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imedbench.cli.screen.console", Console(width=250))
    result = run(app, ["list"])
    assert result.exit_code == 0
    for name in list_sets():
        assert f" {name} " in result.output
        assert load_set(name).summary in result.output


@pytest.mark.parametrize("name", ["perfect", "noisy"])
def test_show_is_yaml_that_loads(name: str) -> None:
    result = run(app, ["show", name])
    assert PromptSet.model_validate(yaml.safe_load(result.output)) == load_set(name)
    assert load_set(name).digest() in result.output.splitlines()[0]


def test_unknown_name_is_an_error_for_people() -> None:
    assert isinstance(run(app, ["show", "no-such"]).exception, UnknownName)
