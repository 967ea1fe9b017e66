from typing import Any

import numpy as np
import pytest

from imedbench.demo.canvas import Canvas
from imedbench.demo.chest import LOBES, paint_chest
from imedbench.demo.torso import build_torso


def test_lungs_hold_air_and_lobes_lie_as_they_should(phantom: Any) -> None:
    lungs = np.isin(phantom.labels, [number for number, name in phantom.names.items() if name in LOBES])
    assert np.median(phantom.image.voxels[lungs]) == pytest.approx(-860, abs=40)
    assert phantom.centre_mm("right upper lobe")[2] > phantom.centre_mm("right lower lobe")[2]
    assert phantom.centre_mm("right middle lobe")[1] > phantom.centre_mm("right lower lobe")[1]
    for name in LOBES:
        assert (phantom.centre_mm(name)[0] > 0) == name.startswith("right")


def test_the_heart_leans_left_with_its_right_side_in_front(phantom: Any) -> None:
    ventricle = phantom.centre_mm("left ventricle")
    assert ventricle[0] < -15
    assert phantom.centre_mm("right atrium")[0] > 15
    assert phantom.centre_mm("right ventricle")[1] > phantom.centre_mm("left atrium")[1]
    assert phantom.centre_mm("left atrium")[2] > ventricle[2]
    blood = phantom.image.voxels[phantom.mask("left ventricle")]
    assert np.median(blood) > np.median(phantom.image.voxels[phantom.mask("left myocardium")]) + 25


def test_vessels_brighten_the_lungs(phantom: Any) -> None:
    lungs = np.isin(phantom.labels, [number for number, name in phantom.names.items() if name in LOBES])
    assert 0.01 < (phantom.image.voxels[lungs] > -600).mean() < 0.3


def test_an_effusion_lies_behind_in_the_left_chest_and_only_if_asked_for() -> None:
    def chest(*, effusion: bool) -> Canvas:
        rng = np.random.default_rng(0)
        canvas = Canvas((24, 128, 128), (20.0, 3.0, 3.0), rng)
        paint_chest(canvas, build_torso(canvas, 12.0), rng, effusion=effusion)
        return canvas

    assert "pleural effusion" not in chest(effusion=False).names
    canvas = chest(effusion=True)
    fluid = canvas.labels == canvas.names["pleural effusion"]
    assert fluid.any()
    assert (canvas.x[fluid] < 0).all()
    assert canvas.y[fluid].max() < 0
    assert np.median(canvas.hu[fluid]) == pytest.approx(9, abs=20)
