from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imedbench.errors import BadStore, UnknownName
from imedbench.evaluate.data import Subset, digest_of, is_store, subjects
from imedbench.masks import MaskInfo, Masks
from imedbench.store import PartWriter, Record, Store, StoreInfo, create_store, finish_store
from imedbench.types import Case, Image


def test_cases_of_the_right_kind_in_the_order_of_the_store(pictures: Store, volumes: Store) -> None:
    found = subjects(pictures, Subset(), 2)
    assert [subject.case for subject in found] == [f"s{number}" for number in range(6)]
    assert {subject.masks for subject in found} == {(0, 1, 2, 3)}
    assert {subject.voxels for subject in found} == {160 * 192}
    assert [subject.voxels for subject in subjects(volumes, Subset(split="all"), 3)] == [10 * 96 * 96] * 2


def test_only_the_targets_that_are_asked_for(pictures: Store) -> None:
    # Any spelling of the vocabulary will do.
    assert {subject.masks for subject in subjects(pictures, Subset(targets=("Liver", "SPLEEN")), 2)} == {(0, 1)}
    with pytest.raises(UnknownName, match="no target in this store called 'pancreas'; there are: kidney, liver"):
        subjects(pictures, Subset(targets=("pancreas",)), 2)


@pytest.mark.parametrize(("limit", "expected"), [(1, ["s3"]), (2, ["s1", "s4"]), (3, ["s1", "s3", "s5"]), (9, 6)])
def test_a_limit_takes_cases_from_everywhere(pictures: Store, limit: int, expected: Any) -> None:
    found = [subject.case for subject in subjects(pictures, Subset(limit=limit), 2)]
    assert found == expected if isinstance(expected, list) else len(found) == expected


@pytest.mark.parametrize(("split", "remedy"), [("train", "try --split all"), ("all", "build it from labelled studies")])
def test_nothing_to_evaluate_on(pictures: Store, volumes: Store, split: Any, remedy: str) -> None:
    with pytest.raises(BadStore, match=f"has no volumes with truth masks.*{remedy}"):
        subjects(pictures, Subset(split=split), 3)
    with pytest.raises(BadStore, match="has no pictures with truth masks"):
        subjects(volumes, Subset(), 2)


def test_an_empty_truth_is_not_asked_for(tmp_path: Path) -> None:
    full, empty = np.zeros((2, 16, 20), np.bool_)
    full[4:9, 5:12] = True
    image = Image(full.astype(np.uint8), (1.0, 1.0), np.eye(4), "ct")
    infos = [MaskInfo("spleen"), MaskInfo("liver")]
    path = tmp_path / "store.zarr"
    create_store(path, StoreInfo("store", {"discs": {}}, {}, {"imedbench": "0"}))
    with PartWriter(path, 0) as writer:
        for name, dense in (("both", [empty, full]), ("neither", [empty, empty])):
            case = Case(name, image, Masks.from_dense(dense, infos), "test", "discs", name, name)
            writer.add(Record(case))
    finish_store(path, [])
    (found,) = subjects(Store.open(path), Subset(), 2)
    assert (found.case, found.masks) == ("both", (1,))


def test_the_digest_tells_stores_apart(pictures: Store, volumes: Store) -> None:
    assert digest_of(pictures) == digest_of(Store.open(pictures.path))
    assert digest_of(pictures) != digest_of(volumes)


def test_a_store_is_known_by_its_name_tag(pictures: Store) -> None:
    assert is_store(pictures.path)
    assert not is_store(pictures.path.parent)
