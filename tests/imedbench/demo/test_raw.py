from pathlib import Path

import numpy as np
import pytest

from imedbench.demo import raw
from imedbench.demo.raw import TRUNCATED, write_raw
from imedbench.errors import BadInput
from imedbench.layout import Study, find_studies, read_study
from imedbench.recipe import Recipe, load_recipe


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[Path, Recipe]]]:
    folder = tmp_path_factory.mktemp("raw")
    return folder, write_raw(folder, small=True)


def studies(source: tuple[Path, Recipe]) -> list[Study]:
    return [study for study in find_studies(*source) if isinstance(study, Study)]


def test_each_recipe_reads_its_folder(written: tuple[Path, list[tuple[Path, Recipe]]]) -> None:
    targets = {}
    for source in written[1]:
        for study in studies(source):
            if study.id != TRUNCATED:
                image, truth, published = read_study(study, source[1])
                assert truth.shape == image.grid
                assert published is None
                targets[source[1].name, study.id] = set(truth.targets)
    assert len(targets) == 4
    assert {"liver", "left kidney", "vertebra L3"} <= targets["torso_ct", "torso_1"] & targets[
        "torso_dicom", "torso_dicom_1"
    ]
    assert targets["chest_xray", "chest_1"] == {"right lung", "left lung", "heart", "right clavicle", "left clavicle"}
    assert targets["brain_tissue", "mni152"] == {"brain", "grey matter", "white matter"}


def test_the_broken_study_is_refused_as_truncated(written: tuple[Path, list[tuple[Path, Recipe]]]) -> None:
    source = next(source for source in written[1] if source[1].name == "torso_ct")
    broken = next(study for study in studies(source) if study.id == TRUNCATED)
    with pytest.raises(BadInput, match="truncated"):
        read_study(broken, source[1])


def test_the_recipes_beside_the_folders_are_those_returned(written: tuple[Path, list[tuple[Path, Recipe]]]) -> None:
    for folder, recipe in written[1]:
        assert load_recipe(folder.with_name(f"{folder.name}.yaml")) == recipe
    assert "McGill" in (written[0] / "README.md").read_text(encoding="utf-8")


def test_what_is_there_is_left_and_what_is_missing_is_made(
    written: tuple[Path, list[tuple[Path, Recipe]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, sources = written
    marker = folder / "brain_tissue" / "marker"
    marker.touch()
    (folder / ".brain_tissue.partial").mkdir()
    told: list[tuple[str, int, int]] = []

    def fail(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(raw, "_write_torsos", fail)
    assert write_raw(folder, small=True, progress=lambda *step: told.append(step)) == sources
    assert marker.exists()
    marker.unlink()
    assert told == [("torso_ct", 0, 4), ("torso_dicom", 1, 4), ("chest_xray", 2, 4), ("brain_tissue", 3, 4), ("", 4, 4)]


def test_a_writer_that_fails_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(folder: Path, recipe: Recipe, **_: object) -> None:
        (folder / recipe.name).mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(raw, "_write_torsos", half)
    with pytest.raises(KeyboardInterrupt):
        write_raw(tmp_path, small=True)
    assert not (tmp_path / "torso_ct").exists()


def test_the_demo_stays_within_its_budget_of_images(written: tuple[Path, list[tuple[Path, Recipe]]]) -> None:
    planes = 0
    for source in written[1]:
        for study in studies(source):
            if study.id != TRUNCATED:
                grid = read_study(study, source[1])[0].grid
                slices = source[1].slices
                planes += sum(len(range(0, grid[axis], slices.every)) for axis in slices.axes) if len(grid) == 3 else 1
    assert 5 <= planes <= 12


def test_numbers_follow_the_names() -> None:
    recipe = load_recipe(Path(raw.__file__).with_name("torso_ct.yaml"))
    values = {name: value for value, name in recipe.labels[0].names.items()}
    labels = np.array([0, 1, 2, 1], np.uint8)
    renumbered = raw._renumbered(labels, {1: "liver", 2: "spleen"}, recipe)
    assert renumbered.tolist() == [0, values["liver"], values["spleen"], values["liver"]]
