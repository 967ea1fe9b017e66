import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imedbench.store import Store
from imedbench.store.croissant import describe, write_croissant
from imedbench.types import Case

# Croissant 1.0: "The following list of properties from schema.org must be specified for every Croissant dataset."
REQUIRED = {
    "@context",
    "@type",
    "conformsTo",
    "description",
    "license",
    "name",
    "url",
    "creator",
    "datePublished",
    "distribution",
}


@pytest.fixture(scope="module")
def content(make_store: Callable[..., Store], sample_cases: list[Case]) -> tuple[Path, dict[str, Any]]:
    store = make_store(sample_cases)
    path = write_croissant(store.path)
    assert path == store.path / "croissant.json"
    return store.path, json.loads(path.read_text(encoding="utf-8"))


def test_has_all_required_properties(content: tuple[Path, dict[str, Any]]) -> None:
    _, facts = content
    assert set(facts) >= REQUIRED
    assert all(facts[name] for name in REQUIRED)
    assert facts["@type"] == "sc:Dataset"
    assert facts["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", facts["datePublished"])


def test_what_the_recipe_says_is_in_it(content: tuple[Path, dict[str, Any]]) -> None:
    _, facts = content
    assert facts["license"] == ["https://spdx.org/licenses/CC-BY-4.0.html"]
    assert facts["citeAs"] == "A. Author, 2020."
    assert facts["url"] == "https://example.org/alpha"
    assert "Alpha set" in facts["description"]


def test_files_are_there_and_have_their_checksums(content: tuple[Path, dict[str, Any]]) -> None:
    folder, facts = content
    files = [entry for entry in facts["distribution"] if entry["@type"] == "cr:FileObject"]
    assert {entry["contentUrl"] for entry in files} == {"cases.parquet", "masks.parquet", "problems.parquet"}
    for entry in files:
        held = (folder / entry["contentUrl"]).read_bytes()
        assert entry["sha256"] == hashlib.sha256(held).hexdigest()
        assert entry["contentSize"] == f"{len(held)} B"
    (arrays,) = (entry for entry in facts["distribution"] if entry["@type"] == "cr:FileSet")
    assert any(folder.glob(arrays["includes"]))


def test_each_column_is_a_field_of_the_right_type(content: tuple[Path, dict[str, Any]], sample_store: Store) -> None:
    _, facts = content
    for records in facts["recordSet"]:
        table = getattr(sample_store, records["name"])
        fields = {field["name"]: field for field in records["field"]}
        assert list(fields) == table.column_names
        for field in fields.values():
            assert field["source"]["extract"]["column"] == field["name"]
            assert field["source"]["fileObject"]["@id"] == f"{records['name']}.parquet"
    masks = {field["name"]: field for field in facts["recordSet"][1]["field"]}
    assert (masks["low"]["dataType"], masks["low"]["repeated"]) == ("sc:Integer", True)
    assert masks["fraction"]["dataType"] == "sc:Float"
    assert masks["case"]["references"] == {"field": {"@id": "cases/id"}}


def test_ids_are_unique_and_references_lead_to_one(content: tuple[Path, dict[str, Any]]) -> None:
    _, facts = content
    defined: list[str] = []
    used: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if "@id" in node:
                (used if len(node) == 1 else defined).append(node["@id"])
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)

    walk({name: value for name, value in facts.items() if name != "@context"})
    assert len(defined) == len(set(defined))
    assert set(used) <= set(defined)


@pytest.mark.parametrize(
    ("licence", "shown"),
    [
        ("MIT-0", "https://spdx.org/licenses/MIT-0.html"),
        ("see the challenge's rules", "see the challenge's rules"),
        ("", "unknown"),
    ],
)
def test_licences(licence: str, shown: str, make_store: Callable[..., Store]) -> None:
    assert describe(make_store([], recipe={"a": {"name": "a", "licence": licence}}))["license"] == [shown]


def test_a_store_without_a_recipe_has_all_required_properties(make_store: Callable[..., Store]) -> None:
    facts = describe(make_store([], recipe={}))
    assert all(facts[name] for name in REQUIRED)
