from typing import Any

import pytest
from pydantic import ValidationError

from baselines.imis_lite.course import Data, LiteCourse, Session
from baselines.training.course import as_toml, list_courses, parse_course, read_course

PACKAGE = "baselines.imis_lite"


@pytest.mark.parametrize("name", list_courses(PACKAGE))
def test_courses_that_come_with_it(name: str) -> None:
    course = read_course(LiteCourse, PACKAGE, name)
    assert course.data.variants > 0
    assert all(count > 0 for count in course.data.pictures.values())
    assert course.session.box + course.session.both < 1
    assert all(share > 0 for share in course.session.rounds)
    assert parse_course(LiteCourse, as_toml(course), "again") == course


def test_the_trials_differ_in_what_is_learned_from_alone() -> None:
    dense, truth = (read_course(LiteCourse, PACKAGE, name).model_dump() for name in ("trial", "trial-truth"))
    assert dense["data"].pop("interactive") is True
    assert truth["data"].pop("interactive") is False
    assert dense == truth


@pytest.mark.parametrize(
    "table",
    [
        {"masks": 0},
        {"truth_share": 1.5},
        {"grid": -0.5},
        {"least_area": 1.0},
        {"variants": -1},
        {"views": {"zom": [1, 2]}},
        {"mask": 3},
    ],
)
def test_what_cannot_be_meant_is_refused(table: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Data.model_validate(table)


@pytest.mark.parametrize("name", ["box", "both", "tight", "deepest", "anywhere"])
def test_chances_are_chances(name: str) -> None:
    for value in (-0.1, 1.1):
        with pytest.raises(ValidationError):
            Session.model_validate({name: value})


def test_a_course_says_how_long_and_how_fast_and_no_more() -> None:
    course = LiteCourse.model_validate({"loop": {"steps": 3}, "optimiser": {"rate": 1e-3}})
    assert course.data.masks == 16
    assert course.session.rounds[0] > 0
