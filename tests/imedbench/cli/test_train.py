import runpy
import tomllib
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from imedbench import catalog
from imedbench.cli import app
from imedbench.errors import BadInput, UnknownName

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "pictures.py"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = FAKE["write_pictures"](tmp_path_factory.mktemp("train") / "discs.zarr")
    return path


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["train", *map(str, words)], catch_exceptions=False)
    return result.exit_code, result.output


def own_course(folder: Path) -> Path:
    """The smoke course, shorter."""
    text = run("imis-net", "--config", "smoke", "--show")[1]
    assert tomllib.loads(text)["loop"]["steps"] == 4
    path = folder / "mine.toml"
    path.write_text(text.replace("steps = 4", "steps = 2"))
    return path


def test_training_leaves_weights_and_goes_on_where_it_stopped(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ("imis-net", "--config", own_course(tmp_path), "--data", store, "--out", out, "--device", "cpu")
    code, said = run(*words)
    assert code == 0
    assert "model.safetensors" in said.replace("\n", "")
    assert (out / "model.safetensors").is_file()
    before = (out / "curve.jsonl").read_bytes()
    assert run(*words)[0] == 0
    assert (out / "curve.jsonl").read_bytes() == before


@pytest.mark.parametrize("name", sorted(catalog.TRAINING))
def test_every_setting_of_a_network_s_own_course_is_shown(name: str) -> None:
    code, said = run(name, "--show")
    assert code == 0
    assert {"loop", "optimiser", "schedule", "validation"} <= set(tomllib.loads(said))


def test_data_is_needed() -> None:
    with pytest.raises(typer.BadParameter):
        CliRunner().invoke(app, ["train", "imis-net"], catch_exceptions=False, standalone_mode=False)


def test_names_that_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="no network that can be trained called 'imis'"):
        run("imis", "--data", tmp_path)
    with pytest.raises(UnknownName, match="no course called 'papers'"):
        run("imis-net", "--config", "papers", "--data", tmp_path)


def test_a_setting_that_does_not_exist(tmp_path: Path) -> None:
    path = own_course(tmp_path)
    path.write_text(path.read_text().replace("steps = 2", "steps = 2\nstep = 3"))
    with pytest.raises(BadInput, match=r"there is no setting `loop\.step`"):
        run("imis-net", "--config", path, "--data", tmp_path)
