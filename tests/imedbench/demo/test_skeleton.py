from typing import Any

import numpy as np

from imedbench.demo.skeleton import VERTEBRAE


def test_vertebrae_are_stacked_in_order(phantom: Any) -> None:
    present = [name for name in VERTEBRAE if f"vertebra {name}" in phantom.names.values()]
    heights = [phantom.centre_mm(f"vertebra {name}")[2] for name in present]
    assert present[:5] == ["L5", "L4", "L3", "L2", "L1"]
    assert len(present) >= 14
    assert np.all(np.diff(heights) > 8)


def test_ribs_lie_on_their_sides_and_go_down_in_order(phantom: Any) -> None:
    for side, sign in (("right", 1), ("left", -1)):
        middles = [phantom.centre_mm(f"{side} rib {number}") for number in range(3, 13)]
        assert all(sign * middle[0] > 40 for middle in middles)
        heights = [middle[2] for middle in middles]
        assert heights[0] > heights[3] > heights[6] > heights[9]


def test_bone_is_dense_and_the_cord_runs_in_front_of_the_spines(phantom: Any) -> None:
    assert np.median(phantom.image.voxels[phantom.mask("vertebra L3")]) > 150
    assert np.median(phantom.image.voxels[phantom.mask("left femur")]) > 250
    cord, sternum = phantom.centre_mm("spinal cord"), phantom.centre_mm("sternum")
    assert sternum[1] > 60 > 0 > cord[1]
    assert abs(cord[0]) < 6


def test_the_pelvis_closes_the_trunk_below(phantom: Any) -> None:
    sacrum = phantom.centre_mm("sacrum")
    assert sacrum[2] < phantom.centre_mm("vertebra L5")[2]
    for side, sign in (("right", 1), ("left", -1)):
        hip, femur = phantom.centre_mm(f"{side} hip"), phantom.centre_mm(f"{side} femur")
        assert sign * hip[0] > 50
        assert femur[2] < hip[2]
        assert sign * phantom.centre_mm(f"{side} scapula")[0] > 60
        assert sign * phantom.centre_mm(f"{side} clavicle")[0] > 20
