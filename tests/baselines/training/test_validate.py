import runpy
from pathlib import Path

import pytest

from baselines.training.course import Validation
from baselines.training.validate import check, named, validate
from imedbench.errors import BadStore, UnknownName


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Of a model that has none: it only has to be there."""
    path = tmp_path / "none.safetensors"
    path.write_bytes(b"")
    return path


def test_the_oracle_is_right_on_every_arm(pictures: Path, weights: Path, tmp_path: Path) -> None:
    """As `imedbench eval` would find it; what an earlier validation left is removed."""
    out = tmp_path / "validation"
    out.mkdir()
    (out / "old.txt").write_text("old")
    scores = validate("oracle", weights, Validation(every=1), stores=[pictures], out=out, device="cpu")
    assert set(scores) == {"discs"}
    assert len(scores["discs"]) > 3
    assert set(scores["discs"].values()) == {1.0}
    assert [path.name for path in out.iterdir()] == ["discs"]


def test_the_last_turn_counts(pictures: Path, weights: Path, tmp_path: Path) -> None:
    """The classical baseline gets better from click to click."""
    once, often = (
        validate(
            "threshold",
            weights,
            Validation(every=1, protocol=protocol, limit=1),
            stores=[pictures],
            out=tmp_path / protocol,
            device="cpu",
        )["discs"]
        for protocol in ("single", "noc")
    )
    assert max(often.values()) > once["click"]


def test_stores_of_one_name_keep_their_own_scores() -> None:
    paths = [Path(each) for each in ("a/zarr", "b/zarr", "c/discs.zarr", "d/zarr")]
    assert named(paths) == dict(zip(("zarr", "zarr-2", "discs", "zarr-3"), paths, strict=True))


@pytest.mark.parametrize("names", [{"protocol": "singel"}, {"prompts": "perfekt"}])
def test_what_is_not_there_is_missed_before_training(pictures: Path, names: dict[str, str]) -> None:
    check("oracle", Validation(), [pictures])
    with pytest.raises(UnknownName):
        check("oracle", Validation.model_validate(names), [pictures])
    with pytest.raises(UnknownName):
        check("tiny", Validation(), [pictures])


def test_a_store_without_test_cases_is_passed_over(pictures: Path, weights: Path, tmp_path: Path) -> None:
    write = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "pictures.py"))["write_pictures"]
    other = write(tmp_path / "other.zarr", train=1, test=0)
    settings = Validation(every=1, limit=1)
    check("oracle", settings, [other, pictures])
    scores = validate("oracle", weights, settings, stores=[other, pictures], out=tmp_path / "out", device="cpu")
    assert set(scores) == {"discs"}
    with pytest.raises(BadStore, match=r"validation\.split"):
        check("oracle", settings, [other])
