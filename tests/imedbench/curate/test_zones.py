from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from imedbench.curate.body import Scan
from imedbench.curate.classes import classes
from imedbench.curate.settings import TissueSettings
from imedbench.curate.zones import AIR, BONE, CAVITY, UNDER_SKIN, WALL, find_zones

SETTINGS = TissueSettings(grid_mm=2.0)


def scan_of(trunk: Any) -> Scan:
    return Scan.of(trunk.voxels, trunk.spacing_mm, SETTINGS)


def zones_of(trunk: Any) -> np.ndarray:
    return find_zones(scan_of(trunk), trunk.labels, classes("v2"), SETTINGS).zones


def test_rings(trunk: Any) -> None:
    row = zones_of(trunk)[10, 50]
    order = [int(value) for value, before in zip(row, [-1, *row[:-1]], strict=True) if value != before]
    assert order == [AIR, UNDER_SKIN, WALL, CAVITY, WALL, UNDER_SKIN, AIR]


def test_the_table_is_air_and_bone_is_bone(trunk: Any) -> None:
    zones = zones_of(trunk)
    assert not zones[:, :6].any()
    assert (zones[trunk.labels == classes("v2").number("vertebrae_L3")] == BONE).all()


def test_a_gap_in_the_wall_does_not_join_its_sides(draw: Callable[..., Any]) -> None:
    trunk = draw(gap_mm=12)
    zones = zones_of(trunk)
    assert (zones[trunk.visceral] == CAVITY).mean() > 0.97
    assert (zones[trunk.subcutaneous] == UNDER_SKIN).mean() > 0.97


def test_without_a_label_inside_there_is_no_cavity(trunk: Any) -> None:
    bare = np.zeros_like(trunk.labels)
    zones = find_zones(scan_of(trunk), bare, classes("v2"), SETTINGS).zones
    assert not (zones == CAVITY).any()


def test_fat_that_muscles_shut_in_is_wall(trunk: Any) -> None:
    voxels = trunk.voxels.copy()
    distance = np.hypot(*np.meshgrid((np.arange(100) - 50) * 2.0, (np.arange(104) - 52) * 2.0 - 60, indexing="ij"))
    voxels[:, distance < 20] = 55
    voxels[:, distance < 8] = -100
    zones = find_zones(Scan.of(voxels, trunk.spacing_mm, SETTINGS), trunk.labels, classes("v2"), SETTINGS).zones
    assert (zones[:, distance < 5] == WALL).all()


@pytest.mark.parametrize(("passage_mm", "zone"), [(11.0, WALL), (30.0, CAVITY)])
def test_a_pocket_is_inside_if_its_passage_is_wide(trunk: Any, passage_mm: float, zone: int) -> None:
    voxels = trunk.voxels.copy()
    y, x = np.meshgrid((np.arange(100) - 50) * 2.0, (np.arange(104) - 52) * 2.0, indexing="ij")
    pocket = np.hypot(y, x - 59) < 17
    hollow = pocket | (np.abs(y) < passage_mm / 2) & (x > 30) & (x < 59)
    muscle = (np.hypot(y, x - 59) < 26) & ~hollow & (np.hypot(y, x) < 81)
    voxels[:, hollow] = -100
    voxels[:, muscle] = 55
    labels = trunk.labels.copy()
    labels[:, muscle] = classes("v2").number("iliopsoas_right")
    zones = find_zones(Scan.of(voxels, trunk.spacing_mm, SETTINGS), labels, classes("v2"), SETTINGS).zones
    middle = np.hypot(y, x - 59) < 8
    assert (zones[:, middle] == zone).mean() > 0.95
