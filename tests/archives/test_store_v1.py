"""A store of format 1, written when the format was new, must read for ever."""

import importlib.util
import json
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from imedbench.store import Store

HERE = Path(__file__).parent
FROZEN = json.loads((HERE / "store-v1.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    specification = importlib.util.spec_from_file_location("make_store_v1", HERE / "make_store_v1.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "store-v1.zarr"
    with zipfile.ZipFile(HERE / "store-v1.zarr.zip") as packed:
        packed.extractall(path)
    return path


@pytest.mark.parametrize("table", ["info", "cases", "masks", "problems", "read"])
def test_archive_reads_field_by_field(archive: Path, maker: ModuleType, table: str) -> None:
    found: Any = json.loads(json.dumps(maker.facts_of(archive)))
    assert found[table] == FROZEN[table]


def test_archive_holds_what_was_put_in(archive: Path, maker: ModuleType) -> None:
    """The frozen file against the values themselves, not against an earlier reading of it."""
    store = Store.open(archive)
    volume = maker.volume().voxels
    for record in (record for part in maker.records() for record in part):
        found = store[record.case.id]
        np.testing.assert_array_equal(found.image.voxels, record.case.image.voxels)
        np.testing.assert_array_equal(list(found.masks), list(record.case.masks))
        assert found.masks.infos == record.case.masks.infos
        assert (found.split, found.patient, found.provenance) == (
            record.case.split,
            record.case.patient,
            record.case.provenance,
        )
        original = store.original(record.case.id).voxels
        if record.parent:
            np.testing.assert_array_equal(original, volume.take(record.index, record.axis)[::-1, ::-1])
        else:
            np.testing.assert_array_equal(original, (record.original or record.case.image).voxels)
    assert store.problems.to_pylist() == [maker.ISSUE]


def test_archive_has_one_of_everything() -> None:
    cases, masks = FROZEN["cases"], FROZEN["masks"]
    assert {case["ndim"] for case in cases} == {2, 3}
    assert {case["axis"] for case in cases} == {-1, 0, 1, 2}
    assert {len(case["channels"]) for case in cases} == {1, 3}
    assert {case["split"] for case in cases} == {"train", "test", "external"}
    assert {mask["kind"] for mask in masks} == {"gt", "interactive"}
    assert {mask["instance"] for mask in masks} == {0, 1, 2}
    assert {mask["area"] > 0 for mask in masks} == {True, False}
    assert {case["part"] for case in cases} == {0, 1}


def test_archive_is_small() -> None:
    assert (HERE / "store-v1.zarr.zip").stat().st_size < 100 * 1024
