from pathlib import Path

import pytest
from PIL import Image as Pillow
from typer.testing import CliRunner

from imedbench.cli import app
from imedbench.errors import UnknownName
from imedbench.store import Store


@pytest.mark.parametrize(("case", "name"), [("s1/z0001", "s1_z0001.png"), ("s1", "s1.png"), ("eye.1", "eye.1.png")])
def test_draws_a_case(sample_store: Store, tmp_path: Path, case: str, name: str) -> None:
    answer = CliRunner().invoke(app, ["view", str(sample_store.path), case, "--out", str(tmp_path / "new")])
    assert answer.exit_code == 0
    assert answer.stdout.split() == [str(tmp_path / "new" / name)]
    with Pillow.open(tmp_path / "new" / name) as drawn:
        assert drawn.mode == "RGB"
        assert min(drawn.size) > 300


def test_draws_the_store(sample_store: Store, tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["view", str(sample_store.path), "--out", str(tmp_path)])
    assert answer.exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sample.html", "sample.png"]


@pytest.mark.parametrize(("wrong", "near"), [("s1/z001", "s1/z0001"), ("S2", "s2"), ("eye", "eye.1")])
def test_an_unknown_case_names_those_like_it(sample_store: Store, tmp_path: Path, wrong: str, near: str) -> None:
    with pytest.raises(UnknownName, match=near):
        CliRunner().invoke(app, ["view", str(sample_store.path), wrong, "-o", str(tmp_path)], catch_exceptions=False)
