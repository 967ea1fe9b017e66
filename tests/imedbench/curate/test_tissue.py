from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from imedbench.curate.body import Scan
from imedbench.curate.classes import MUSCLE, SUBCUTANEOUS, VISCERAL, classes
from imedbench.curate.settings import TissueSettings
from imedbench.curate.tissue import label_tissues, noise_of
from imedbench.metrics.overlap import dice

KNOWN = classes("v2")


def labelled(trunk: Any, settings: TissueSettings | None = None) -> NDArray[np.uint8]:
    told = settings or TissueSettings()
    return label_tissues(Scan.of(trunk.voxels, trunk.spacing_mm, told), trunk.labels, KNOWN, told)[0]


def overlap(labels: NDArray[np.uint8], name: str, truth: NDArray[np.bool_]) -> float:
    return float(dice(truth, labels == KNOWN.number(name)))


def test_three_tissues(trunk: Any) -> None:
    labels = labelled(trunk)
    assert overlap(labels, MUSCLE, trunk.muscle) > 0.97
    assert overlap(labels, VISCERAL, trunk.visceral) > 0.97
    assert overlap(labels, SUBCUTANEOUS, trunk.subcutaneous) > 0.97


def test_labels_that_are_there_stay(trunk: Any) -> None:
    labels = labelled(trunk)
    there = trunk.labels > 0
    assert np.array_equal(labels[there], trunk.labels[there])
    assert set(np.unique(labels[~there])) <= {0, *(KNOWN.number(name) for name in (MUSCLE, VISCERAL, SUBCUTANEOUS))}


def test_noise_is_measured_and_smoothed(noisy: Any, trunk: Any) -> None:
    assert noise_of(noisy.voxels) == pytest.approx(40, rel=0.15)
    assert noise_of(trunk.voxels) < 5
    labels, rough = labelled(noisy), labelled(noisy, TissueSettings(smooth_mm=0))
    assert overlap(labels, MUSCLE, noisy.muscle) > 0.9
    assert overlap(labels, MUSCLE, noisy.muscle) > overlap(rough, MUSCLE, noisy.muscle)


def test_a_mirrored_copy_has_mirrored_tissues(trunk: Any) -> None:
    mirrored = replace(trunk, voxels=trunk.voxels[:, :, ::-1], labels=trunk.labels[:, :, ::-1])
    back = labelled(mirrored)[:, :, ::-1]
    labels = labelled(trunk)
    for name in (MUSCLE, VISCERAL, SUBCUTANEOUS):
        assert overlap(back, name, labels == KNOWN.number(name)) > 0.97


def test_the_same_twice(noisy: Any) -> None:
    assert np.array_equal(labelled(noisy), labelled(noisy))


@pytest.mark.parametrize(("between", "name"), [("muscle", MUSCLE), ("visceral", VISCERAL), ("none", "")])
def test_fat_between_muscles_is_a_choice(trunk: Any, between: str, name: str) -> None:
    layer = np.zeros(trunk.voxels.shape, np.bool_)
    y, x = np.meshgrid((np.arange(100) - 50) * 2.0, (np.arange(104) - 52) * 2.0, indexing="ij")
    layer[:, (np.hypot(y, x) > 52) & (np.hypot(y, x) < 57) & (np.abs(y) < 20)] = True
    voxels = trunk.voxels.copy()
    voxels[layer] = -100
    labels = labelled(replace(trunk, voxels=voxels), TissueSettings(between=between))  # type: ignore[arg-type]
    expected = KNOWN.number(name) if name else 0
    # What lies beside another zone may be its.
    assert (labels[layer] == expected).mean() > 0.5


def test_two_legs() -> None:
    """No organ is in the scan: fat is under the skin, or between muscles."""
    y, x = np.meshgrid((np.arange(90) - 45) * 2.0, (np.arange(180) - 90) * 2.0, indexing="ij")
    radius = np.minimum(np.hypot(y, x - 85), np.hypot(y, x + 85))
    plane = np.select([radius < 14, radius < 52, radius < 67, radius < 70], [400, 55, -100, 20], -1000)
    voxels = np.repeat(plane[None], 20, 0).astype(np.int16)
    labels = np.zeros(voxels.shape, np.uint8)
    for side, sign in (("left", -1), ("right", 1)):
        labels[:, np.hypot(y, x - 85 * sign) < 14] = KNOWN.number(f"femur_{side}")
    found = label_tissues(Scan.of(voxels, (3.0, 2.0, 2.0), TissueSettings()), labels, KNOWN, TissueSettings())[0]
    assert overlap(found, MUSCLE, voxels == 55) > 0.97
    assert overlap(found, SUBCUTANEOUS, voxels == -100) > 0.97
    assert not (found == KNOWN.number(VISCERAL)).any()


def test_a_head() -> None:
    """The brain is inside of nothing: fat beside it is under the skin."""
    y, x = np.meshgrid((np.arange(100) - 50) * 2.0, (np.arange(90) - 45) * 2.0, indexing="ij")
    radius = np.hypot(y, x)
    plane = np.select([radius < 60, radius < 66, radius < 75, radius < 78], [35, 900, -100, 20], -1000)
    temple = (radius >= 66) & (radius < 72) & (np.abs(y) < 25)
    plane[temple] = 55
    voxels = np.repeat(plane[None], 20, 0).astype(np.int16)
    labels = np.zeros(voxels.shape, np.uint8)
    labels[voxels == 35] = KNOWN.number("brain")
    labels[voxels == 900] = KNOWN.number("skull")
    found = label_tissues(Scan.of(voxels, (3.0, 2.0, 2.0), TissueSettings()), labels, KNOWN, TissueSettings())[0]
    assert overlap(found, SUBCUTANEOUS, voxels == -100) > 0.9
    assert overlap(found, MUSCLE, np.broadcast_to(temple, voxels.shape)) > 0.9
    assert not (found == KNOWN.number(VISCERAL)).any()
    assert np.array_equal(found[labels > 0], labels[labels > 0])


@pytest.mark.parametrize(("around", "name"), [(-100, VISCERAL), (40, "")])
def test_the_rim_of_gas_is_fat_only_where_fat_goes_on(trunk: Any, around: int, name: str) -> None:
    """The edge of gas passes through the intensities of fat, whatever lies beside it."""
    y, x = np.meshgrid((np.arange(100) - 50) * 2.0, (np.arange(104) - 52) * 2.0, indexing="ij")
    far = np.hypot(y - 37, x)
    voxels = trunk.voxels.copy()
    voxels[:, (far < 14) & (y < 47)] = around
    voxels[:, far < 8] = -150
    voxels[:, far < 6] = -900
    rim = (far < 8) & (far >= 6)
    labels = labelled(replace(trunk, voxels=voxels))[:, rim]
    expected = KNOWN.number(name) if name else 0
    # Corners of the drawn ring are two voxels from its gas.
    assert (labels == expected).mean() > 0.8


@pytest.mark.parametrize(("mm", "share"), [(1.5, 0.0), (3.5, 1.0)])
def test_the_edge_of_thick_voxels_is_fat(trunk: Any, mm: float, share: float) -> None:
    """Air, skin and fat in one voxel look like fat; a voxel thicker than the skin is fat for the most part."""
    skin = trunk.voxels == 20
    voxels = np.where(skin, -100, trunk.voxels)
    edge = skin & (np.roll(trunk.voxels, 1, 2) == -1000)
    labels = labelled(replace(trunk, voxels=np.where(edge, -60, voxels), spacing_mm=(3.0, mm, mm)))
    assert (labels[edge] == KNOWN.number(SUBCUTANEOUS)).mean() == pytest.approx(share, abs=0.05)


def test_what_neither_range_has_is_neither(trunk: Any) -> None:
    voxels = np.where(trunk.muscle, -20, trunk.voxels)
    assert overlap(labelled(replace(trunk, voxels=voxels)), MUSCLE, trunk.muscle) > 0.97
    settings = TissueSettings(muscle_hu=(-10, 150))
    assert not (labelled(replace(trunk, voxels=voxels), settings)[trunk.muscle] == KNOWN.number(MUSCLE)).any()
