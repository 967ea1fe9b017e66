from typing import Any

import pytest

from baselines.prism.course import PrismCourse
from baselines.prism.settings import Settings
from baselines.training.course import as_toml, list_courses, parse_course, read_course

PACKAGE = "baselines.prism"


@pytest.mark.parametrize("name", list_courses(PACKAGE))
def test_courses_that_come_with_it(name: str) -> None:
    course = read_course(PrismCourse, PACKAGE, name)
    assert parse_course(PrismCourse, as_toml(course), "again") == course
    # New weights are trained without the published code's quirks.
    assert (course.network.relative, course.network.padding, course.network.dense) == ("textbook", "none", "textbook")


def test_presets() -> None:
    told: dict[str, Any] = {name: read_course(PrismCourse, PACKAGE, name).session for name in list_courses(PACKAGE)}
    assert (told["plain"].points, told["plain"].any_number, told["plain"].box) == (1, False, False)
    assert (told["basic"].points, told["basic"].any_number, told["basic"].box) == (50, True, True)
    assert told["ultra"] == told["basic"]
    assert told["ultra-plus"].scribbles
    assert not told["ultra"].scribbles
    assert {name for name, each in told.items() if each.turns != 11} == {"smoke", "ultra-48-more"}


def test_what_is_not_said_of_the_network_has_no_quirks() -> None:
    text = "[loop]\nsteps = 1\n[optimiser]\nrate = 1e-4\n[network]\nsize = 64\n"
    network = parse_course(PrismCourse, text, "mine.toml").network
    assert (network.size, network.relative, network.padding, network.dense) == (64, "textbook", "none", "textbook")


def test_the_published_network_can_be_asked_for() -> None:
    text = '[loop]\nsteps = 1\n[optimiser]\nrate = 1e-4\n[network]\nrelative = "published"\n'
    course = parse_course(PrismCourse, text, "mine.toml")
    assert (course.network.relative, course.network.padding) == ("published", "none")
    assert Settings().relative == "published"
