import json

from typer.testing import CliRunner

from imedbench.cli import app
from imedbench.store import Store


def test_tables_show_what_is_held_and_what_was_left_out(sample_store: Store) -> None:
    answer = CliRunner().invoke(app, ["stats", str(sample_store.path)], env={"COLUMNS": "120"})
    assert answer.exit_code == 0
    for words in (
        "liver tumor",
        "fundus",
        "reserve",
        "In quarantine: 1",
        "holds 3 NaN voxels",
        "slices without a truth",
    ):
        assert words in answer.stdout
    assert "training side" not in answer.stdout


def test_json_has_everything(sample_store: Store) -> None:
    answer = CliRunner().invoke(app, ["stats", str(sample_store.path), "--json"])
    facts = json.loads(answer.stdout)
    assert (facts["pictures"], facts["volumes"], facts["leaked"]) == (5, 1, 0)
    assert facts["problems"][0]["study"] == "bad1"
