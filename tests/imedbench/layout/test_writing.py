from pathlib import Path

import pytest

from imedbench.errors import BadRecipe
from imedbench.layout.writing import recipe_text, write_recipe
from imedbench.recipe import Recipe, list_recipes, load_recipe, parse_recipe


@pytest.mark.parametrize("name", list_recipes())
def test_reads_back_as_the_same_recipe(name: str) -> None:
    recipe = load_recipe(name)
    assert parse_recipe(recipe_text(recipe, ["Because: {study} #1."]).encode(), Path("x.yaml")) == recipe


def test_listed_studies_and_text_keys_read_back() -> None:
    listed = [{"id": "a", "images": ["a.nii"], "labels": ["b.nii"]}]
    recipe = Recipe.model_validate({"name": "mine", "dimension": 3, "labels": [{}], "studies": listed})
    assert parse_recipe(recipe_text(recipe).encode(), Path("x.yaml")) == recipe
    files = [{"path": "{study}_{target}.png", "encoding": "files", "names": {"0003": "liver"}}]
    recipe = Recipe.model_validate({"name": "mine", "dimension": 2, "images": "{study}.png", "labels": files})
    assert parse_recipe(recipe_text(recipe).encode(), Path("x.yaml")) == recipe


def test_says_why_and_what_is_missing(tmp_path: Path) -> None:
    recipe = Recipe.model_validate({"name": "mine", "dimension": 2, "images": "{study}.png"})
    write_recipe(tmp_path / "mine.yaml", recipe, ["Images and no labels."])
    text = (tmp_path / "mine.yaml").read_text()
    assert text.startswith("# - Images and no labels.\n")
    assert "licence: ''" in text
    assert "# window: full" in text


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    recipe = load_recipe("btcv")
    (tmp_path / "mine.yaml").write_text("mine")
    with pytest.raises(BadRecipe, match="this file exists"):
        write_recipe(tmp_path / "mine.yaml", recipe, [])
    with pytest.raises(BadRecipe, match="cannot be written"):
        write_recipe(tmp_path / "nowhere" / "mine.yaml", recipe, [])
    assert (tmp_path / "mine.yaml").read_text() == "mine"
