from typing import Any

import numpy as np
import pytest

from imedbench.curate.body import Scan
from imedbench.curate.classes import MUSCLE, SUBCUTANEOUS, VISCERAL, classes
from imedbench.curate.doubts import Doubt, doubts_of
from imedbench.curate.settings import TissueSettings
from imedbench.curate.tissue import label_tissues

KNOWN = classes("v2")
SETTINGS = TissueSettings(grid_mm=6.0)


@pytest.fixture
def curated(manikin: Any) -> tuple[Scan, Any]:
    scan = Scan.of(manikin.voxels, manikin.spacing_mm, SETTINGS)
    return scan, label_tissues(scan, manikin.labels, KNOWN, SETTINGS)[0]


def checks(doubts: list[Doubt]) -> list[str]:
    assert [doubt.weight for doubt in doubts] == sorted((doubt.weight for doubt in doubts), reverse=True)
    assert all(doubt.weight >= 1 for doubt in doubts)
    return [doubt.check for doubt in doubts]


def test_nothing_doubtful(curated: tuple[Scan, Any]) -> None:
    assert doubts_of(*curated, KNOWN) == []


def test_a_slab_without_labels(curated: tuple[Scan, Any]) -> None:
    scan, labels = curated
    labels[30:50] = np.where(labels[30:50] > len(KNOWN.names), 0, labels[30:50])
    doubts = doubts_of(scan, labels, KNOWN)
    assert "share" in checks(doubts)
    assert any("of the body, 192 mm above the lower end" in doubt.what for doubt in doubts)


def test_muscle_on_one_side_only(curated: tuple[Scan, Any]) -> None:
    scan, labels = curated
    labels[..., 35:][labels[..., 35:] == KNOWN.number(MUSCLE)] = 0
    doubts = [doubt for doubt in doubts_of(scan, labels, KNOWN) if doubt.check == "symmetry"]
    assert len(doubts) == 1
    assert "97% of its skeletal muscle on the left" in doubts[0].what


def test_one_kidney_much_larger(curated: tuple[Scan, Any]) -> None:
    scan, labels = curated
    labels[15:35, 15:30, 15:30] = KNOWN.number("kidney_left")
    doubts = [doubt for doubt in doubts_of(scan, labels, KNOWN) if doubt.check == "pair"]
    assert len(doubts) == 1
    assert "ml of kidney left" in doubts[0].what


def test_fat_that_is_none(curated: tuple[Scan, Any]) -> None:
    scan, labels = curated
    scan.hu[scan.grid.middles(labels) == KNOWN.number(VISCERAL)] = -30
    assert checks(doubts_of(scan, labels, KNOWN)) == ["intensity"]


def test_a_tissue_that_ends_at_once(curated: tuple[Scan, Any]) -> None:
    scan, labels = curated
    labels[40:][labels[40:] == KNOWN.number(SUBCUTANEOUS)] = 0
    assert "jump" in checks(doubts_of(scan, labels, KNOWN))
