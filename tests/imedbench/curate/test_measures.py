from typing import Any

import numpy as np
import pytest

from imedbench.curate.classes import classes
from imedbench.curate.grid import Grid
from imedbench.curate.measures import labelled_share, structures

KNOWN = classes("v2")


def test_structures(trunk: Any) -> None:
    found = {each.name: each for each in structures(trunk.voxels, trunk.labels, KNOWN, trunk.spacing_mm)}
    assert set(found) == {"liver", "vertebrae_L3"}
    liver = found["liver"]
    count = np.count_nonzero(trunk.labels == KNOWN.number("liver"))
    assert liver.ml == pytest.approx(count * 0.012)
    assert (liver.mean_hu, liver.std_hu) == (60, 0)
    assert liver.border


def test_mean_and_deviation() -> None:
    voxels = np.zeros((3, 2, 2), np.int16)
    labels = np.zeros((3, 2, 2), np.uint8)
    labels[1] = 5
    voxels[1] = [[10, 20], [30, 40]]
    (liver,) = structures(voxels, labels, KNOWN, (1.0, 1.0, 1.0))
    assert (liver.name, liver.mean_hu, liver.std_hu, liver.border) == ("liver", 25.0, 11.2, False)


def test_share_of_the_body() -> None:
    grid = Grid((2, 4, 4), (1, 2, 2), (1.0, 1.0, 1.0))
    body = np.zeros((2, 2, 2), np.bool_)
    body[0, 0] = True
    labels = np.zeros((2, 4, 4), np.uint8)
    labels[0, 0] = 7
    labels[1] = 7
    assert labelled_share(labels, body, grid) == 0.5
    assert np.isnan(labelled_share(labels, np.zeros_like(body), grid))
