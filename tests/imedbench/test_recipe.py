from pathlib import Path

import pytest
from pydantic import ValidationError

from imedbench.errors import BadRecipe, UnknownName
from imedbench.recipe import Recipe, list_recipes, load_recipe, make_recipe, parse_recipe

LEAST = {"name": "mine", "dimension": 2, "images": "{study}.png"}
HERE = Path("mine.yaml")


def test_recipes_that_ship_are_listed_in_order() -> None:
    assert list_recipes() == sorted(list_recipes())
    assert "btcv" in list_recipes()


def test_loads_by_name_and_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text('name: mine\ndimension: 2\nimages: "{study}.png"\n')
    assert load_recipe(path) == Recipe.model_validate(LEAST)
    assert load_recipe("msd_hippocampus").dimension == 3


def test_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(UnknownName, match="btcv, kits, lits, msd_colon, msd_hippocampus, msd_pancreas"):
        load_recipe("brats")


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match=r"gone\.yaml: the recipe cannot be read"):
        load_recipe(tmp_path / "gone.yaml")


def test_one_image_pattern_is_one_unnamed_channel() -> None:
    assert make_recipe(LEAST, HERE).channels == ("",)
    several = make_recipe(LEAST | {"images": {"flair": "{study}_f.png", "t1": "{study}_t.png"}}, HERE)
    assert several.channels == ("flair", "t1")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"lables": []}, r"mine.yaml: there is no field `lables`; perhaps `labels` is meant\."),
        ({"slices": {"axis": [0]}}, r"no field `slices.axis`; perhaps `axes` is meant\."),
        (
            {"labels": [{"path": "x", "encodings": "map"}]},
            r"no field `labels.0.encodings`; perhaps `encoding` is meant\.",
        ),
        ({"labels": [{"path": "x", "encoding": "mask"}]}, "`labels.0.encoding`: input should be 'map', 'files'"),
        ({"dimension": 4}, "`dimension`: input should be 2 or 3"),
        ({"name": "My Data"}, "`name`: lower-case letters"),
        ({"patient": "(?P<who>.*)"}, r"`patient`: a regular expression with a group \(\?P<patient>"),
        ({"patient": "(?P<patient>"}, "`patient`: not a regular expression"),
        ({"window": [400, -160]}, "window is two rising numbers"),
        ({"labels": [{"encoding": "map"}]}, "each entry of labels needs a path"),
        ({"images": {}}, "either images"),
        ({"filters": {"max_aspect": 0.5}}, "`filters.max_aspect`: input should be greater than or equal to 1"),
    ],
)
def test_mistake_is_one_sentence_with_file_and_field(fields: dict[str, object], message: str) -> None:
    with pytest.raises(BadRecipe, match=message) as raised:
        make_recipe(LEAST | fields, HERE)
    assert "\n" not in str(raised.value)


def test_missing_field_is_named() -> None:
    with pytest.raises(BadRecipe, match="the field `dimension` is missing; add it"):
        make_recipe({"name": "mine", "images": "{study}.png"}, HERE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"name: [", "not YAML on line"),
        (b"- a\n- b\n", "a recipe is a YAML mapping"),
        (b"\xff\xfe\x00", "not YAML"),
        (b"name: a\nname: b\n", "the key 'name' stands twice"),
        (b"labels:\n  - names:\n      1: liver\n      1: spleen\n", "not YAML on line 3 .the key 1 stands twice"),
    ],
)
def test_text_that_is_no_recipe_is_refused(text: bytes, message: str) -> None:
    with pytest.raises(BadRecipe, match=message):
        parse_recipe(text, HERE)


def test_yaml_runs_nothing() -> None:
    with pytest.raises(BadRecipe, match="not YAML"):
        parse_recipe(b"name: !!python/object/apply:os.getcwd []\n", HERE)


@pytest.mark.parametrize(("written", "kept"), [("MRI", "mr"), ("X-Ray", "xray"), ("MR T1", "mr-t1w"), ("OCT", "oct")])
def test_modalities_have_one_spelling(written: str, kept: str) -> None:
    assert make_recipe(LEAST | {"modality": written}, HERE).modality == kept


def test_recipe_is_frozen() -> None:
    recipe = make_recipe(LEAST, HERE)
    with pytest.raises(ValidationError):
        recipe.name = "other"  # type: ignore[misc]


def test_digest_depends_on_what_is_said_and_not_on_how() -> None:
    labels = [{"path": "x{study}", "names": {1: "a", 2: "b"}}]
    turned = [{"names": {2: "b", 1: "a"}, "path": "x{study}", "encoding": "map"}]
    first, second = (make_recipe(LEAST | {"labels": some}, HERE) for some in (labels, turned))
    assert first.digest() == second.digest()
    assert first.digest() != make_recipe(LEAST, HERE).digest()


def test_order_of_channels_is_part_of_the_digest() -> None:
    one = make_recipe(LEAST | {"images": {"a": "{study}_a.png", "b": "{study}_b.png"}}, HERE)
    two = make_recipe(LEAST | {"images": {"b": "{study}_b.png", "a": "{study}_a.png"}}, HERE)
    assert one.digest() != two.digest()


@pytest.mark.parametrize("name", list_recipes())
def test_survives_json(name: str) -> None:
    recipe = load_recipe(name)
    again = Recipe.model_validate_json(recipe.model_dump_json())
    assert again == recipe
    assert again.digest() == recipe.digest()
