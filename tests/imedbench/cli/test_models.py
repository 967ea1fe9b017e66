from typer.testing import CliRunner

from imedbench import catalog
from imedbench.cli import app


def test_every_model_is_listed() -> None:
    result = CliRunner().invoke(app, ["models"], catch_exceptions=False, env={"COLUMNS": "200"})
    assert result.exit_code == 0
    for name in catalog.MODELS:
        assert name in result.output
