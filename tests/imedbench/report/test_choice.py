from collections.abc import Callable
from dataclasses import replace

import pytest

from imedbench.report.choice import choose_cases, windows_of
from imedbench.store import Store
from imedbench.types import Case


def test_data_sets_take_turns_and_volumes_give_way_to_pictures(sample_store: Store) -> None:
    assert set(choose_cases(sample_store, 2)) & {"eye.1"}
    everything = choose_cases(sample_store, 10)
    assert len(everything) == len(set(everything))
    assert "s1" not in everything


def test_a_patient_is_shown_again_only_where_there_is_room(sample_store: Store) -> None:
    both = {"s1/z0001", "s1/z0002"}
    patients = len(choose_cases(sample_store, 1000)) - 1
    assert len(both & set(choose_cases(sample_store, patients))) == 1
    assert both <= set(choose_cases(sample_store, 1000))


def test_ties_do_not_go_to_the_first_of_the_alphabet(
    make_store: Callable[..., Store], sample_cases: list[Case]
) -> None:
    picture = next(case for case in sample_cases if case.id == "s2")
    names = [f"{letter}{number}" for letter in "abcd" for number in range(10)]
    store = make_store([replace(picture, id=name, study=name, patient=name) for name in names])
    shown = choose_cases(store, 10)
    assert len({name[0] for name in shown}) >= 3
    assert shown == sorted(shown)


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
