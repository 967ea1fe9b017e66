"""What every recipe that ships must keep, tried on a fake of its data set."""

import runpy
from pathlib import Path

import pytest

from imedbench.layout import Study, find_studies, infer_recipe, read_study
from imedbench.recipe import MODALITIES, list_recipes, load_recipe
from imedbench.targets import Vocabulary

FAKES = Path(__file__).resolve().parents[1] / "fakes"


@pytest.fixture(scope="session")
def fakes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {}
    for name in list_recipes():
        folders[name] = tmp_path_factory.mktemp("fake") / name
        runpy.run_path(str(FAKES / f"{name}.py"))["write"](folders[name])
    return folders


def test_recipes_that_ship() -> None:
    assert set(list_recipes()) == {
        "btcv", "kits", "lits", "msd_colon", "msd_hippocampus", "msd_pancreas", "totalsegmentator", "totalsegpp",
        "totalsegpp_v1",
    }  # fmt: skip


@pytest.mark.parametrize("name", list_recipes())
def test_says_where_it_comes_from(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.title
    assert recipe.licence
    assert recipe.url.startswith("http")
    assert recipe.citation
    assert recipe.modality in MODALITIES


@pytest.mark.parametrize("name", list_recipes())
def test_names_are_in_the_vocabulary_or_declared_outside_it(name: str) -> None:
    recipe, vocabulary = load_recipe(name), Vocabulary.load()
    for target in recipe.targets:
        assert (vocabulary.resolve(target) is None) == (target in recipe.outside), target
    assert set(recipe.outside) <= set(recipe.targets)


@pytest.mark.parametrize("name", list_recipes())
def test_reads_its_fake(name: str, fakes: dict[str, Path]) -> None:
    recipe = load_recipe(name)
    found = list(find_studies(fakes[name], recipe))
    assert len(found) == 3
    for study in found:
        assert isinstance(study, Study), study
        image, truth, regions = read_study(study, recipe)
        assert len(image.grid) == recipe.dimension
        assert image.modality == recipe.modality
        assert len(truth) >= min(2, len(recipe.targets))
        assert set(truth.targets) <= set(recipe.targets)
        assert (regions is not None) == bool(recipe.interactive)


@pytest.mark.parametrize("name", list_recipes())
def test_inference_finds_the_same_files(name: str, fakes: dict[str, Path]) -> None:
    by_recipe = list(find_studies(fakes[name], load_recipe(name)))
    inferred, reasons = infer_recipe(fakes[name])
    assert list(find_studies(fakes[name], inferred)) == by_recipe
    assert reasons
