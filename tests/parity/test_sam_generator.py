"""Our generator against segment_anything's, on the same weights with the same settings."""

import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baselines.sam import SAM_VIT_B
from baselines.sam.adapter import SamModel
from baselines.sam.network import from_sam
from imedbench.build.proposals import ProposalSettings, propose
from imedbench.types import Image

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[1] / "fakes" / "sam.py"))
SETTINGS = ProposalSettings(
    points_per_side=8,
    least_score=1.2,
    least_stability=0.5,
    stability_offset=0.1,
    nms="box",
    largest_fraction=1.0,
    smallest_fraction=0.0,
)


@pytest.fixture(scope="module")
def sam() -> Any:
    return FAKE["random_sam"](side=256, width=64, depth=2, heads=4)


def picture(height: int, width: int) -> Image:
    return Image(FAKE["discs"](height, width), (1.0, 1.0), np.eye(4), "xray", ("red", "green", "blue"))


@pytest.mark.parametrize("size", [(160, 200), (300, 300), (90, 61)])
@pytest.mark.parametrize("nms_iou", [0.7, 1.0])
def test_the_same_masks_as_segment_anything(sam: Any, size: tuple[int, int], nms_iou: float) -> None:
    image, settings = picture(*size), replace(SETTINGS, nms_iou=nms_iou)
    expected = FAKE["package_masks"](sam, image.voxels, settings)
    found = propose(SamModel(SAM_VIT_B, from_sam(sam)), image, settings)
    assert len(expected) > (5 if nms_iou < 1 else 40)
    assert len(found) == len(expected)
    iou = expected.overlaps(found)
    matched = [
        any(iou[i, j] >= 0.99 and _alike(theirs, ours) for j, ours in enumerate(found.infos))
        for i, theirs in enumerate(expected.infos)
    ]
    assert np.mean(matched) >= 0.99


def _alike(theirs: Any, ours: Any) -> bool:
    """Whether both masks come from the same point with the same judgement."""
    return (
        theirs.point == pytest.approx(ours.point)
        and theirs.score == pytest.approx(ours.score, abs=1e-3)
        and theirs.stability == pytest.approx(ours.stability, abs=5e-3)
    )


def test_a_stricter_score_gives_fewer_masks(sam: Any) -> None:
    model, image = SamModel(SAM_VIT_B, from_sam(sam)), picture(160, 200)
    every, few = (propose(model, image, replace(SETTINGS, least_score=score)) for score in (1.2, 1.6))
    assert 0 < len(few) < len(every)
    assert all(info.score > 1.6 for info in few.infos)
