"""Croissant metadata beside a store: ``croissant.json``, so that data-set searches and loaders understand it.

Croissant 1.0, http://mlcommons.org/croissant/1.0: the files with their checksums, and the columns of the Parquet index
as record sets. The arrays are one file set; FORMAT.md says how they are read.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imedbench.store.reader import Store

if TYPE_CHECKING:
    import pyarrow as pa

FILE = "croissant.json"
CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
PROJECT = "https://github.com/imedbench/imedbench"
# Terms of the vocabulary, and those whose values need care: the context that section "Appendix 1" recommends.
TERMS = (
    "citeAs column equivalentProperty extract field fileProperty fileObject fileSet format includes isLiveDataset "
    "jsonPath key md5 parentField path recordSet references regex repeated replace samplingRate separator source "
    "subField transform"
)
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in TERMS.split()},
}
TABLES = {
    "cases": "One record an image or volume, with its place in the arrays. FORMAT.md, section 6, explains each column.",
    "masks": "One record a mask: its target, whether it is truth or generated, its size, box and scores.",
    "problems": "One record a study that could not be used, and why.",
}
KEYS = {"cases": ("id",), "masks": ("case", "number"), "problems": ()}
REFERENCES = {"masks/case": "cases/id"}


def write_croissant(store: Path) -> Path:
    """Writes ``croissant.json`` into the folder of a finished store; returns its path.

    Raises:
        BadStore: there is no finished store.
    """
    path = store / FILE
    partial = path.with_name(f".{FILE}.partial")
    partial.write_text(json.dumps(describe(Store.open(store)), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)
    return path


def describe(store: Store) -> dict[str, Any]:
    """The metadata of a store as JSON-LD."""
    info = store.info
    recipes = list(info.recipe.values())
    # The group's metadata is the last thing that a build writes.
    finished = datetime.fromtimestamp((store.path / "zarr.json").stat().st_mtime, UTC)
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": info.name,
        "description": _description(info.name, recipes),
        "license": _licences(recipes),
        "url": _first(recipes, "url") or PROJECT,
        "creator": [_creator(recipe) for recipe in recipes] or [{"@type": "sc:Organization", "name": info.name}],
        "datePublished": finished.date().isoformat(),
        "version": str(info.version.get("imedbench", "1.0.0")),
        "citeAs": "\n".join(recipe["citation"] for recipe in recipes if recipe.get("citation")),
        "keywords": ["medical imaging", "interactive segmentation", *_modalities(recipes)],
        "isLiveDataset": False,
        "distribution": [*(_file(store.path, f"{name}.parquet") for name in TABLES), _arrays()],
        "recordSet": [_records(store.path, name) for name in TABLES],
    }


def _description(name: str, recipes: Sequence[Mapping[str, Any]]) -> str:
    titles = ", ".join(recipe.get("title") or recipe.get("name", "") for recipe in recipes)
    made = f", made from: {titles}" if titles else ""
    return (
        f"{name}: medical images with truth masks of named targets and dense generated masks, for interactive "
        f"segmentation{made}. Images and masks are Zarr arrays, the index is Parquet."
    )


def _first(recipes: Sequence[Mapping[str, Any]], key: str) -> str:
    return next((str(recipe[key]) for recipe in recipes if recipe.get(key)), "")


def _modalities(recipes: Sequence[Mapping[str, Any]]) -> list[str]:
    return sorted({str(recipe["modality"]) for recipe in recipes if recipe.get("modality")})


def _licences(recipes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Addresses of known licences; others in the recipe's own words."""
    found = []
    for words in dict.fromkeys(str(recipe.get("licence") or "") for recipe in recipes):
        # An SPDX identifier is one word with a version or a dash in it.
        known = re.fullmatch(r"[A-Za-z0-9]+(-[A-Za-z0-9.]+)+", words)
        found.append(f"https://spdx.org/licenses/{words}.html" if known else words or "unknown")
    return found or ["unknown"]


def _creator(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe names no persons; the set's own page does."""
    title = recipe.get("title") or recipe.get("name", "")
    place = {"url": recipe["url"]} if recipe.get("url") else {}
    return {"@type": "sc:Organization", "name": f"The authors of {title}", **place}


def _file(store: Path, name: str) -> dict[str, Any]:
    path = store / name
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{path.stat().st_size} B",
        # The registered application/vnd.apache.parquet is not what the reference reader knows.
        "encodingFormat": "application/x-parquet",
        "sha256": digest,
    }


def _arrays() -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": "arrays",
        "name": "arrays",
        "description": "Zarr v3 arrays of images and masks, one group a part of the store.",
        "encodingFormat": "application/vnd+zarr",
        "includes": "parts/**",
    }


def _records(store: Path, table: str) -> dict[str, Any]:
    from pyarrow import parquet

    schema = parquet.read_schema(store / f"{table}.parquet")
    keys = [{"@id": f"{table}/{name}"} for name in KEYS[table]]
    return {
        "@type": "cr:RecordSet",
        "@id": table,
        "name": table,
        "description": TABLES[table],
        **({"key": keys if len(keys) > 1 else keys[0]} if keys else {}),
        "field": [_field(table, column) for column in schema],
    }


def _field(table: str, column: "pa.Field") -> dict[str, Any]:
    import pyarrow as pa

    name = f"{table}/{column.name}"
    listed = pa.types.is_list(column.type)
    kind = column.type.value_type if listed else column.type
    real = pa.types.is_floating(kind)
    return {
        "@type": "cr:Field",
        "@id": name,
        "name": column.name,
        "dataType": "sc:Text" if pa.types.is_string(kind) else "sc:Float" if real else "sc:Integer",
        **({"repeated": True} if listed else {}),
        "source": {"fileObject": {"@id": f"{table}.parquet"}, "extract": {"column": column.name}},
        **({"references": {"field": {"@id": REFERENCES[name]}}} if name in REFERENCES else {}),
    }
