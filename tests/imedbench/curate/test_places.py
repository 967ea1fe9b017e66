from typing import Any

import numpy as np
import pytest

from imedbench.curate.classes import classes
from imedbench.curate.grid import Grid
from imedbench.curate.places import FRONT, RIGHT, UP, Places

KNOWN = classes("v2")
SPINE = ("T8", "T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5")


def places_of(manikin: Any) -> Places:
    return Places.of(manikin.labels, KNOWN, Grid.of(manikin.labels.shape, manikin.spacing_mm, 6.0))


def test_centres(manikin: Any) -> None:
    found = places_of(manikin).centres
    # Blocks of the grid are voxels here: the middle of voxels 44 to 49 is 46.5 of them from the border.
    assert found["kidney_right"] == pytest.approx(np.array([23.5, 19.5, 46.5]) * manikin.spacing_mm)
    assert "pancreas" not in found


def test_the_spine_and_ribs_in_their_order(manikin: Any) -> None:
    places = places_of(manikin)
    assert places.spine() == [
        f"vertebrae_{name}" for name in ["T8", "T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5"]
    ]
    assert places.ribs("left") == [f"rib_left_{number}" for number in range(6, 11)]


def test_pairs(manikin: Any) -> None:
    pairs = list(places_of(manikin).pairs())
    assert ("kidney_left", "kidney_right") in pairs
    assert ("rib_left_7", "rib_right_7") in pairs
    assert len(pairs) == 7


@pytest.mark.parametrize("axis", [UP, FRONT, RIGHT])
def test_agreement_of_a_patient_and_of_one_turned_about(manikin: Any, axis: int) -> None:
    assert places_of(manikin).agreement(axis) == 1
    assert places_of(manikin.flipped(axis)).agreement(axis) == 0


def test_sides(manikin: Any) -> None:
    assert places_of(manikin).sides() == 1
    assert places_of(manikin.flipped(RIGHT)).sides() == 0


def test_too_little_says_nothing(manikin: Any) -> None:
    manikin.labels[~np.isin(manikin.labels, [KNOWN.number("liver"), KNOWN.number("spleen")])] = 0
    places = places_of(manikin)
    assert [places.agreement(axis) for axis in (UP, FRONT, RIGHT)] == [None, None, None]
    assert places.sides() is None
