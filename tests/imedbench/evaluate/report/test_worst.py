import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imedbench.evaluate.report.numbers import Numbers
from imedbench.evaluate.report.worst import colour_of, find_failures, find_worst
from imedbench.evaluate.results import Results


def moved(numbers: tuple[Numbers, ...], data: Path) -> tuple[Numbers, ...]:
    """The same runs with their store elsewhere."""
    found = []
    for each in numbers:
        facts = {**each.run.facts, "data": {**each.run.facts["data"], "path": str(data)}}
        found.append(Numbers(replace(each.run, results=Results(each.run.results.path, facts))))
    return tuple(found)


def test_the_worst_session_of_each_case(one: tuple[Numbers, ...]) -> None:
    worst = find_worst(one)
    assert worst.missing == ""
    assert len(worst.plates) == len({plate.case for plate in worst.plates}) == 10
    values = [float(value) for plate in worst.plates for _, _, value in plate.scores]
    assert values == sorted(values)
    answered = {**one[0].answered("click", "dice"), **one[0].answered("box, then clicks", "dice")}
    assert values[0] == pytest.approx(min(answered.values()), abs=0.0005)
    assert all(plate.drawing is not None for plate in worst.plates)


def test_failed_sessions_are_not_among_the_worst(one: tuple[Numbers, ...]) -> None:
    failed = {(failure.case, failure.target, failure.prompts) for failure in find_failures(one)}
    assert len(failed) == 3
    assert not failed & {(plate.case, plate.target, plate.prompts) for plate in find_worst(one, 100).plates}


def test_failures_have_their_sentence(one: tuple[Numbers, ...]) -> None:
    failure = find_failures(one)[0]
    assert (failure.run, failure.case, failure.target, failure.prompts, failure.turn) == (
        "alpha",
        "s0",
        "liver",
        "click",
        2,
    )
    assert failure.error == "CUDA ran out of memory on a batch of one target."


def test_several_runs_are_drawn_on_one_picture(two: tuple[Numbers, ...]) -> None:
    plate = find_worst(two, 1).plates[0]
    assert [name for name, _, _ in plate.scores] == ["alpha", "beta"]
    assert plate.drawing is not None
    assert all(colour in plate.drawing.svg for colour in (colour_of(0), colour_of(1)))


def test_a_volume_is_drawn_as_a_slice(solid: tuple[Numbers, ...]) -> None:
    drawing = find_worst(solid, 1).plates[0].drawing
    assert drawing is not None
    assert drawing.note.startswith("axial slice z = ")


def test_without_the_store_the_sessions_are_still_listed(one: tuple[Numbers, ...], tmp_path: Path) -> None:
    worst = find_worst(moved(one, tmp_path / "gone"))
    assert worst.missing == f"The store ellipses is no longer at {tmp_path / 'gone'}, so there are no pictures."
    assert [plate.drawing for plate in worst.plates] == [None] * 10
    assert [plate.case for plate in worst.plates] == [plate.case for plate in find_worst(one).plates]


def test_a_store_that_changed_is_not_drawn(one: tuple[Numbers, ...], volume: Results, tmp_path: Path) -> None:
    other: Any = volume.data
    shutil.copytree(other, tmp_path / "store")
    assert "is not what it was" in find_worst(moved(one, tmp_path / "store")).missing
