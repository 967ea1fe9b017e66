from typing import Any

import pytest

from baselines.imis_net.course import ImisCourse
from baselines.imis_net.settings import read_settings
from baselines.training.course import as_toml, list_courses, parse_course, read_course
from imedbench.errors import BadInput

PACKAGE = "baselines.imis_net"


@pytest.mark.parametrize("name", list_courses(PACKAGE))
def test_each_course_is_whole(name: str) -> None:
    course = read_course(ImisCourse, PACKAGE, name)
    assert parse_course(ImisCourse, as_toml(course), "written.toml") == course


@pytest.mark.parametrize("name", ["paper", "released"])
def test_training_feeds_the_network_as_the_adapter_does(name: str) -> None:
    settings = read_settings(name)  # type: ignore[arg-type]
    trained = read_course(ImisCourse, PACKAGE, name).network.settings
    # The released script trains at 256 pixels what is then used at 1024.
    same = ("resize", "encoder_epsilon", "text_kernel", "spelling", *(["side"] if name == "paper" else []))
    assert all(getattr(trained, field) == getattr(settings, field) for field in same)


def test_the_paper_by_its_numbers() -> None:
    course = read_course(ImisCourse, PACKAGE, "paper")
    assert (course.optimiser.name, course.optimiser.rate, course.loop.batch) == ("adam", 2e-5, 2)
    assert (course.data.truth, course.data.interactive, course.session.corrections) == (5, 5, 8)
    assert (course.session.box_jitter, course.data.intensity_chance, course.data.intensity_range) == (5, 0.2, 0.2)
    assert (course.objective.focal, course.objective.dice, course.objective.sums) == (20, 1, "mask")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"data": {"truth": 0, "interactive": 0}}, "a sample needs masks"),
        ({"session": {"truth_box": 0.8, "truth_text": 0.3}}, "add up to more than 1"),
        ({"network": {"settings": {"side": 100}}}, "no multiple of 16"),
    ],
)
def test_what_cannot_be_is_refused(table: dict[str, Any], words: str) -> None:
    fields = read_course(ImisCourse, PACKAGE, "smoke").model_dump(mode="json")
    for name, content in table.items():
        for key, value in content.items():
            fields[name][key] = fields[name][key] | value if isinstance(value, dict) else value
    written = "\n".join(_toml(fields))
    with pytest.raises(BadInput, match=words):
        parse_course(ImisCourse, written, "mine.toml")


def _toml(fields: dict[str, Any]) -> list[str]:
    return as_toml(type("Any", (), {"model_dump": lambda _, **__: fields})()).splitlines()  # type: ignore[arg-type]
