import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from imedbench.store.export.streams import MOST_THREADS, JsonLists, in_order


def test_answers_come_in_order_whoever_finishes_first() -> None:
    first_may_go = threading.Event()

    def make(number: int) -> int:
        if number == 0:
            assert first_may_go.wait(10)
        if number == 1:
            first_may_go.set()
        return number * number

    assert list(in_order(make, range(50))) == [number * number for number in range(50)]


def test_only_a_few_are_taken_ahead() -> None:
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    made = in_order(lambda number: number, numbers())
    assert next(made) == 0
    assert len(taken) <= 2 * MOST_THREADS + 1
    made.close()


def test_an_error_reaches_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda number: 1 // number, [1, 0, 1]))


def test_lists_are_written_where_they_are_named(tmp_path: Path) -> None:
    with JsonLists(tmp_path / "a.json", ["full", "empty"]) as lists:
        lists.add("full", {"é": 1})
        lists.add("full", {"b": [2]})
        lists.write({"name": "x", "full": None, "number": lists.counts["full"], "empty": None})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {
        "name": "x",
        "full": [{"é": 1}, {"b": [2]}],
        "number": 2,
        "empty": [],
    }
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_nothing_is_left_where_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyError), JsonLists(tmp_path / "a.json", ["full"]) as lists:
        lists.add("missing", {})
    assert not list(tmp_path.iterdir())
