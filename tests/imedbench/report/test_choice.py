from collections.abc import Callable

import pytest

from imedbench.report.choice import choose_cases, windows_of
from imedbench.store import Store
from imedbench.types import Case


def test_data_sets_take_turns_and_volumes_give_way_to_pictures(sample_store: Store) -> None:
    assert set(choose_cases(sample_store, 2)) & {"eye.1"}
    everything = choose_cases(sample_store, 10)
    assert len(everything) == len(set(everything))
    assert "s1" not in everything


def test_one_case_a_patient_and_axis(sample_store: Store) -> None:
    assert len({"s1/z0001", "s1/z0002"} & set(choose_cases(sample_store, 10))) == 1


def test_volumes_are_shown_where_there_is_nothing_else(
    make_store: Callable[..., Store], sample_cases: list[Case]
) -> None:
    assert choose_cases(make_store(sample_cases[:1]), 5) == ["s1"]


def test_an_empty_store(make_store: Callable[..., Store]) -> None:
    assert choose_cases(make_store([]), 5) == []


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_choice_is_stable(sample_store: Store, count: int) -> None:
    chosen = choose_cases(sample_store, count)
    assert chosen == choose_cases(sample_store, count)
    assert len(chosen) == count


def test_windows(sample_store: Store) -> None:
    assert windows_of(sample_store, ["s1", "s2"]) == {"s1": (), "s2": ()}
