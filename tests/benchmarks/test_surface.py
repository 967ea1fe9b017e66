"""NSD and HD95 together, against DeepMind's surface-distance package on the same masks."""

from typing import Any

import numpy as np
import pytest

from imedbench.metrics import Surfaces
from imedbench.types import Mask

peer = pytest.importorskip("surface_distance")
pytestmark = pytest.mark.filterwarnings("ignore:Please import")
TOLERANCE_MM = 2.0


def ball(shape: tuple[int, int, int], centre: tuple[int, ...], radii: tuple[int, ...]) -> Mask:
    grid = np.indices(shape, sparse=True)
    scaled = [((along - middle) / radius) ** 2 for along, middle, radius in zip(grid, centre, radii, strict=True)]
    inside: Mask = sum(scaled) < 1
    return inside


def ours(truth: Mask, guess: Mask, spacing_mm: tuple[float, ...]) -> tuple[float, float]:
    distances = Surfaces(truth, spacing_mm).against(guess)
    return distances.nsd(TOLERANCE_MM), distances.hd(95)


def theirs(truth: Mask, guess: Mask, spacing_mm: tuple[float, ...]) -> tuple[float, float]:
    distances = peer.compute_surface_distances(truth, guess, spacing_mm)
    return (
        peer.compute_surface_dice_at_tolerance(distances, TOLERANCE_MM),
        peer.compute_robust_hausdorff(distances, 95),
    )


def two_big_shapes() -> tuple[Mask, Mask]:
    """Organs of 200 voxels; the guess leaves out a lobe, so that some of it is 25 mm away."""
    shape = (256, 256, 256)
    truth = ball(shape, (128, 128, 128), (100, 90, 110)) | ball(shape, (100, 60, 100), (50, 50, 60))
    return truth, ball(shape, (131, 126, 124), (95, 97, 105))


def small_in_large(radius: int) -> tuple[Mask, Mask]:
    """A lesion of that radius in a scan."""
    shape = (200, 512, 512)
    return ball(shape, (100, 200, 300), (radius // 2, radius, radius)), ball(
        shape, (101, 202, 300), (radius // 2 + 1, radius - 2, radius)
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("masks", "spacing_mm", "times_faster"),
    [(two_big_shapes(), (1.0, 0.8, 0.8), 5)],
    ids=["two big shapes in 256^3"],
)
def test_nsd_and_hd95(
    masks: tuple[Mask, Mask], spacing_mm: tuple[float, ...], times_faster: float, benchmark: Any, fastest: Any
) -> None:
    found = benchmark(ours, *masks, spacing_mm)
    assert found == pytest.approx(theirs(*masks, spacing_mm), abs=1e-9)
    ratio = fastest(lambda: theirs(*masks, spacing_mm), 3) / fastest(lambda: ours(*masks, spacing_mm), 5)
    benchmark.extra_info.update(times_faster=ratio)
    assert ratio >= times_faster, ratio
