from typing import Any

import numpy as np
import pytest

from imedbench.demo.abdomen import Findings, paint_abdomen
from imedbench.demo.canvas import Canvas
from imedbench.demo.torso import build_torso


def belly(findings: Findings) -> Canvas:
    rng = np.random.default_rng(3)
    canvas = Canvas((48, 120, 120), (10.0, 3.0, 3.0), rng)
    paint_abdomen(canvas, build_torso(canvas, 12.0), rng, findings)
    return canvas


def test_organs_lie_on_the_sides_where_they_belong(phantom: Any) -> None:
    right = ("liver", "gallbladder", "right kidney", "inferior vena cava", "duodenum")
    left = ("spleen", "stomach", "left kidney")
    assert all(phantom.centre_mm(name)[0] > 8 for name in right)
    assert all(phantom.centre_mm(name)[0] < -4 for name in left)
    assert phantom.centre_mm("left kidney")[2] > phantom.centre_mm("right kidney")[2]
    assert phantom.centre_mm("bladder")[1] > phantom.centre_mm("rectum")[1]


@pytest.mark.parametrize(
    ("organ", "hu"), [("liver", 112), ("spleen", 124), ("left kidney", 165), ("aorta", 152), ("bladder", 10)]
)
def test_organs_have_their_usual_density(phantom: Any, organ: str, hu: float) -> None:
    assert np.median(phantom.image.voxels[phantom.mask(organ)]) == pytest.approx(hu, abs=22)


def test_organs_have_the_volumes_of_a_person(phantom: Any) -> None:
    litre = 1e6 / np.prod(phantom.image.spacing_mm)
    assert 0.9 < phantom.mask("liver").sum() / litre < 2.4
    assert 0.12 < phantom.mask("spleen").sum() / litre < 0.5
    for side in ("left", "right"):
        assert 0.06 < phantom.mask(f"{side} kidney").sum() / litre < 0.3


def test_gas_collects_at_the_front_of_the_stomach(phantom: Any) -> None:
    stomach = phantom.mask("stomach")
    gas = stomach & (phantom.image.voxels < -500)
    assert gas.any()
    assert np.argwhere(gas)[:, 1].mean() > np.argwhere(stomach & ~gas)[:, 1].mean() + 2


def test_findings_are_drawn_only_if_there_are_some() -> None:
    healthy = belly(Findings())
    assert not {"liver tumor", "kidney cyst"} & set(healthy.names)
    ill = belly(Findings(liver_lesions=2, kidney_cyst=True, gallstone=True))
    lesion = ill.labels == ill.names["liver tumor"]
    around = healthy.labels == healthy.names["liver"]
    assert lesion.any()
    assert around[lesion].mean() > 0.9
    assert np.median(ill.hu[lesion]) < 90
    assert (ill.labels == ill.names["kidney cyst"]).any()


def test_a_stone_is_dense_and_lies_in_the_gallbladder() -> None:
    with_stone, without = belly(Findings(gallstone=True)), belly(Findings())
    changed = with_stone.hu - without.hu > 60
    assert changed.any()
    assert (without.labels[changed] == without.names["gallbladder"]).mean() > 0.8
