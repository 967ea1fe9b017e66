import json
from pathlib import Path
from typing import Any

import pytest

from imedbench import catalog
from imedbench.errors import BadResults, UnknownName
from imedbench.evaluate.data import Subset
from imedbench.evaluate.plan import DECISIVE, RunSettings, make_plan, read_plan, record_of, run_id
from imedbench.store import Store


def record(store: Store, settings: RunSettings) -> dict[str, Any]:
    """As `run.json` has it when it is read."""
    told: dict[str, Any] = json.loads(json.dumps(record_of(make_plan(store, settings), settings, "")))
    return told


@pytest.mark.parametrize(
    ("protocol", "across", "on"),
    [("single", "box", "auto"), ("clicks-9", "slices", "volumes"), ("cvpr2025", "point", "auto")],
)
@pytest.mark.parametrize("dimensions", [(2,), (3,), (2, 3)])
def test_who_reads_the_record_finds_the_same_plan(
    pictures: Store, volumes: Store, enlist: Any, protocol: str, across: Any, on: Any, dimensions: tuple[int, ...]
) -> None:
    enlist(dimensions=dimensions)
    store = volumes if 3 in dimensions or on == "volumes" or protocol == "cvpr2025" else pictures
    asked = RunSettings("puppet", protocol, "noisy", subset=Subset(on=on, limit=1, targets=("liver",)), across=across)
    made, read = make_plan(store, asked), read_plan(store, record(store, asked))
    assert read.arms == made.arms
    assert read.skipped == made.skipped
    assert (read.dimension, read.subjects, read.card) == (made.dimension, made.subjects, catalog.card("puppet"))
    assert made.targets == 1


def test_the_id_depends_on_what_decides_the_results_and_on_nothing_else(pictures: Store, enlist: Any) -> None:
    enlist()
    told = record(pictures, RunSettings("puppet"))
    assert run_id(told) == told["id"]
    assert run_id(told | {"versions": {}, "skipped": ["all"]}) == told["id"]
    for name in DECISIVE:
        assert run_id(told | {name: "another"}) != told["id"]
    with pytest.raises(KeyError):
        run_id({})


@pytest.mark.parametrize(
    "change",
    [
        {"card": None},
        {"card": {"name": "x"}},
        {"protocol": {"id": "x"}},
        {"protocol": "single"},
        {"prompts": []},
        {"subset": {}},
        {"subset": {"split": "test", "on": "auto", "targets": [], "limit": 0, "dimension": 4}},
        {"subset": {"split": "hidden", "on": "auto", "targets": [], "limit": 0, "dimension": 2}},
        {"subset": 3},
    ],
)
def test_a_record_that_does_not_say_what_it_must(pictures: Store, enlist: Any, change: dict[str, Any]) -> None:
    enlist()
    told = record(pictures, RunSettings("puppet")) | change
    with pytest.raises(BadResults, match="does not say what it must"):
        read_plan(pictures, told)
    for name in change:
        with pytest.raises(BadResults, match="does not say what it must"):
            read_plan(pictures, {key: value for key, value in told.items() if key != name})


def test_a_target_that_the_store_lacks(pictures: Store, enlist: Any, tmp_path: Path) -> None:
    enlist()
    told = record(pictures, RunSettings("puppet"))
    told["subset"]["targets"] = ["pancreas"]
    with pytest.raises(UnknownName, match="pancreas"):
        read_plan(pictures, told)
