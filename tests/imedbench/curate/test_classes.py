import numpy as np
import pytest

from imedbench.curate.classes import TISSUES, classes
from imedbench.errors import UnknownName


def test_versions_have_their_published_classes() -> None:
    first, second = classes("v1"), classes("v2")
    assert (len(first.names), len(second.names)) == (104, 117)
    assert len(set(first.names)) == 104
    assert len(set(second.names)) == 117
    assert first.number("aorta") == 7
    assert second.number("aorta") == 52


def test_tissues_come_after_the_classes() -> None:
    assert [classes("v1").number(name) for name in TISSUES] == [105, 106, 107]


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("rib_left_7", "bone"),
        ("costal_cartilages", "bone"),
        ("gluteus_medius_left", "muscle"),
        ("spinal_cord", "apart"),
        ("trachea", "apart"),
        ("lung_upper_lobe_left", "inside"),
        ("urinary_bladder", "inside"),
    ],
)
def test_roles(name: str, role: str) -> None:
    known = classes("v2")
    assert known.roles[known.number(name) - 1] == role


def test_tables_of_numbers() -> None:
    known = classes("v2")
    inside = known.of("inside")
    assert not inside[0]
    assert inside[known.number("liver")]
    assert not inside[known.number("sacrum")]
    assert not inside[118:].any()
    assert known.like("vertebrae_*").sum() == 25
    both = known.of("bone") | known.of("muscle") | known.of("apart") | inside
    assert np.array_equal(np.flatnonzero(both), np.arange(1, 118))


def test_an_unknown_class() -> None:
    with pytest.raises(UnknownName, match="no class called 'livre'"):
        classes("v1").number("livre")
