from pathlib import Path

import pytest
from typer.testing import CliRunner

from imedbench.cli import app
from imedbench.errors import UnknownName
from imedbench.store import Store


def test_says_what_was_written_and_what_was_not(sample_store: Store, tmp_path: Path) -> None:
    answer = CliRunner().invoke(
        app, ["export", str(sample_store.path), "--format", "coco", "--out", str(tmp_path / "c")]
    )
    assert answer.exit_code == 0
    assert f"4 cases with 19 masks are in {tmp_path / 'c'}." in answer.stdout
    assert "Note: 1 volumes are left out" in answer.stdout
    assert (tmp_path / "c" / "annotations" / "instances_train.json").is_file()


def test_a_wrong_format_is_an_error_for_people(sample_store: Store, tmp_path: Path) -> None:
    arguments = ["export", str(sample_store.path), "--format", "voc", "--out", str(tmp_path / "c")]
    with pytest.raises(UnknownName, match="webdataset"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
