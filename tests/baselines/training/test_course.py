from pathlib import Path

import pytest

from baselines.training.course import Course, as_toml, list_courses, parse_course, read_course
from imedbench.errors import BadInput, UnknownName

LEAST = "[loop]\nsteps = 3\n[optimiser]\nrate = 0.1\n"


def test_what_is_written_reads_back() -> None:
    course = parse_course(Course, LEAST + "betas = [0.8, 0.9]\n[schedule]\ndrops = [1, 2]\n", "a.toml")
    assert parse_course(Course, as_toml(course), "b.toml") == course
    assert course.optimiser.betas == (0.8, 0.9)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[loop", "is no TOML"),
        (LEAST.replace("steps", "stepps"), "the setting `loop.steps` is missing"),
        (LEAST + "size = 3\n", "there is no setting `optimiser.size`"),
        (LEAST.replace("3", "0"), "`loop.steps`"),
        (LEAST.replace("steps = 3", 'steps = 3\naccumulate = 2\nupdate = "each"'), "accumulate needs update = 'end'"),
    ],
)
def test_a_fault_is_one_sentence(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        parse_course(Course, text, "mine.toml")
    assert str(caught.value).startswith("mine.toml")


def test_a_course_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(LEAST)
    assert read_course(Course, "baselines.imis_net", str(path)).loop.steps == 3


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_course(Course, "baselines.imis_net", str(tmp_path / "none.toml"))


def test_a_name_that_nobody_knows() -> None:
    with pytest.raises(UnknownName, match="smoke"):
        read_course(Course, "baselines.imis_net", "smok")


def test_courses_by_name() -> None:
    assert {"paper", "released", "mini", "smoke"} <= set(list_courses("baselines.imis_net"))
