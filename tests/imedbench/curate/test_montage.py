from typing import Any

import numpy as np

from imedbench.curate.body import Scan
from imedbench.curate.classes import MUSCLE, classes
from imedbench.curate.colours import TISSUE_COLOURS
from imedbench.curate.montage import montage
from imedbench.curate.settings import TissueSettings

KNOWN = classes("v2")


def test_six_columns_plain_above_and_coloured_below(manikin: Any) -> None:
    scan = Scan.of(manikin.voxels, manikin.spacing_mm, TissueSettings())
    picture = montage(scan, manikin.labels, KNOWN)
    assert picture.shape == (606, 1830, 3)
    above, below = picture[:300].astype(int), picture[306:].astype(int)
    assert np.ptp(above, axis=2).max() <= 7
    assert np.ptp(below, axis=2).max() > 60


def test_the_patients_right_is_on_the_left(manikin: Any) -> None:
    manikin.labels[:] = 0
    manikin.labels[..., 36:] = KNOWN.number(MUSCLE)
    scan = Scan.of(manikin.voxels, manikin.spacing_mm, TissueSettings())
    axial = montage(scan, manikin.labels, KNOWN)[306:, 2 * 306 : 3 * 306].astype(int)
    red = axial[..., 0] - axial[..., 2] > 20
    assert red[:, :140].mean() > 0.4
    assert not red[:, 170:].any()
    assert TISSUE_COLOURS[MUSCLE][0] > TISSUE_COLOURS[MUSCLE][2]
