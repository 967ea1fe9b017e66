from collections.abc import Callable
from pathlib import Path

import pytest

from imedbench.errors import BadInput
from imedbench.store import Store
from imedbench.store.export import export_store
from imedbench.store.export.selection import create_file, file_name, pictures, pictures_of, rows_of, targets_of
from imedbench.types import Case


def test_rows_come_in_the_order_of_the_store(sample_store: Store) -> None:
    rows = list(rows_of(sample_store))
    assert tuple(row.id for row in rows) == sample_store.ids
    assert rows[0].ndim == 3
    assert rows[1].axis == 0
    assert not rows[3].original
    assert rows[5].channels == ("red", "green", "blue")


def test_pictures_are_what_one_trains_and_tests_on(sample_store: Store) -> None:
    assert [row.id for row in pictures(sample_store)] == ["s1/z0001", "s1/z0002", "s2", "eye.1"]
    datasets, count, notes = pictures_of(sample_store, "coco")
    assert (datasets, count, len(notes)) == (["alpha", "beta"], 4, 2)


def test_targets_are_those_of_each_data_set(sample_store: Store) -> None:
    assert targets_of(sample_store) == {"alpha": ["liver", "liver tumor", "spleen"], "beta": ["optic disc"]}


@pytest.mark.parametrize(
    ("case", "name"),
    [("a/z0001", "a_z0001"), ("CON:1", "CON_1"), ("plain-1.2 (b)", "plain-1.2 (b)"), ("größe", "größe")],
)
def test_file_names(case: str, name: str) -> None:
    assert file_name(case) == name


def test_two_cases_with_one_file_name_are_refused(tmp_path: Path) -> None:
    create_file(tmp_path / "a.png", b"1")
    with pytest.raises(BadInput, match="two cases"):
        create_file(tmp_path / "a.png", b"2")
    assert (tmp_path / "a.png").read_bytes() == b"1"


@pytest.mark.parametrize("layout", ["coco", "imed361m"])
def test_volumes_alone_have_no_place_among_pictures(
    layout: str, make_store: Callable[..., Store], sample_cases: list[Case], tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="1 volumes and no pictures"):
        export_store(make_store(sample_cases[:1]), layout, tmp_path / "out")
    assert not (tmp_path / "out").exists()
