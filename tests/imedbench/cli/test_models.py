from importlib.metadata import EntryPoint

import pytest
from typer.testing import CliRunner

from imedbench import catalog
from imedbench.cli import app


@pytest.mark.parametrize("columns", ["60", "200"])
def test_every_model_is_listed(columns: str) -> None:
    result = CliRunner().invoke(app, ["models"], catch_exceptions=False, env={"COLUMNS": columns})
    assert result.exit_code == 0
    for name in catalog.MODELS:
        assert name in result.output


def test_a_broken_package_hides_no_other_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "entry_points", lambda group: [EntryPoint("theirs", "nowhere:CARD", group)])
    result = CliRunner().invoke(app, ["models"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "oracle" in result.output
    assert "not listed the model theirs cannot be had from nowhere:CARD (ModuleNotFoundError" in result.output
