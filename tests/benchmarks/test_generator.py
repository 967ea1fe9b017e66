"""Mask generation against segment_anything's own generator: identical weights, settings and image in the same run.

Both run on one thread and are measured in processor seconds, which other work on the machine hardly changes. The ratio
is logged: see it with ``--log-cli-level=INFO``.
"""

import logging
import runpy
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines.sam import SAM_VIT_B
from baselines.sam.adapter import SamModel
from baselines.sam.network import from_sam
from imedbench.build.proposals import ProposalSettings, prompts_for, propose
from imedbench.masks import Masks
from imedbench.types import Image

LOGGER = logging.getLogger(__name__)
FAKE = runpy.run_path(str(Path(__file__).resolve().parents[1] / "fakes" / "sam.py"))
SETTINGS = ProposalSettings(
    points_per_side=8,
    least_stability=0.5,
    stability_offset=0.1,
    nms="box",
    largest_fraction=1.0,
    smallest_fraction=0.0,
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def compare(sam: Any, image: Image, settings: ProposalSettings) -> tuple[float, float]:
    """Processor seconds of theirs and ours; their masks must be ours."""
    model = SamModel(SAM_VIT_B, from_sam(sam))
    settings = replace(settings, least_score=_middle_score(model, image))
    theirs, expected = _timed(lambda: FAKE["package_masks"](sam, image.voxels, settings))
    ours, found = _timed(lambda: propose(model, image, settings))
    iou = expected.overlaps(found)
    assert len(found) > 0
    assert (iou.max(1) >= 0.99).mean() >= 0.99
    assert (iou.max(0) >= 0.99).mean() >= 0.99
    return theirs, ours


def _middle_score(model: SamModel, image: Image) -> float:
    """A threshold that half of the masks pass, from a sparse grid: about what a trained SAM's masks do at 0.88."""
    candidates = model.start(image).propose(prompts_for(image, replace(SETTINGS, points_per_side=4)), -torch.inf)
    return float(candidates.scores.median())


def _timed(work: Callable[[], Masks]) -> tuple[float, Masks]:
    start = time.process_time()
    masks = work()
    return time.process_time() - start, masks


def picture(side: int) -> Image:
    return Image(FAKE["discs"](side, side), (1.0, 1.0), np.eye(4), "xray", ("red", "green", "blue"))


def test_the_same_masks_in_less_time_at_a_small_geometry(benchmark: Any) -> None:
    sam = FAKE["random_sam"](side=256, width=64, depth=2, heads=4)
    pairs = benchmark.pedantic(lambda: [compare(sam, picture(320), SETTINGS) for _ in range(3)])
    ratio = min(theirs for theirs, _ in pairs) / min(ours for _, ours in pairs)
    LOGGER.info("%.1f times faster than segment_anything at a small geometry", ratio)
    assert ratio > 1


@pytest.mark.slow
def test_twice_as_fast_at_the_geometry_of_vit_b(benchmark: Any) -> None:
    sam = FAKE["random_sam"](side=1024, width=768, depth=12, heads=12)
    settings = replace(SETTINGS, points_per_side=32)
    theirs, ours = benchmark.pedantic(lambda: compare(sam, picture(512), settings))
    LOGGER.info("%.1f s, segment_anything %.1f s: %.1f times faster", ours, theirs, theirs / ours)
    assert theirs / ours >= 2
