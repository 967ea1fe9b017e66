import re

import numpy as np
import pytest

from imedbench.curate.classes import classes
from imedbench.curate.known import KnownError, cleared, errors_of, known_errors


@pytest.mark.parametrize("error", known_errors(), ids=lambda error: error.subject[0])
def test_each_is_about_classes_and_says_where_it_is_from(error: KnownError) -> None:
    assert all(re.fullmatch(r"s\d{4}", subject) for subject in error.subject)
    assert error.source.startswith("https://")
    for version in error.versions:
        assert any(error.concerns(name) for name in classes(version).names)


def test_the_subjects_that_were_reported() -> None:
    named = {subject for error in known_errors() for subject in error.subject}
    assert {"s0341", "s0092", "s0201", "s0513", "s0605", "s0143", "s1196", "s0941", "s0350"} <= named


def test_of_one_subject_and_version() -> None:
    assert {error.remedy for error in errors_of("s0513", "v2")} == {"clear", "review"}
    assert errors_of("s0513", "v1") == []
    assert errors_of("s0002", "v2") == []


def test_only_what_is_wrong_as_a_whole_is_cleared() -> None:
    known = classes("v2")
    labels = np.array([[[known.number("heart"), known.number("liver"), known.number("humerus_right")]]], np.uint8)
    assert cleared(labels, errors_of("s0143", "v2"), known).tolist() == [[[0, 5, known.number("humerus_right")]]]
    assert cleared(labels, errors_of("s0513", "v2"), known).tolist() == [[[known.number("heart"), 5, 0]]]
    assert cleared(labels, errors_of("s0941", "v2"), known) is labels
