"""NSD and HD95 together, against DeepMind's surface-distance package on the same masks."""

from typing import Any

import numpy as np
import pytest

from imedbench.metrics import Surfaces
from imedbench.types import Mask

peer = pytest.importorskip("surface_distance")
pytestmark = pytest.mark.filterwarnings("ignore:Please import")
TOLERANCE_MM = 2.0
TURNS = 5
TIMES_FASTER = 5


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


def small_in_large(radius: int) -> tuple[Mask, list[Mask]]:
    """A lesion in a scan, and five guesses of it, one a turn."""
    shape = (200, 512, 512)
    guesses = [
        ball(shape, (100 + turn % 2, 202, 300), (radius // 2 + 1, radius - 4 + turn, radius)) for turn in range(TURNS)
    ]
    return ball(shape, (100, 200, 300), (radius // 2, radius, radius)), guesses


@pytest.mark.slow
def test_two_big_shapes(benchmark: Any, times_faster: Any) -> None:
    truth, guess = two_big_shapes()
    spacing = (1.0, 0.8, 0.8)
    found = benchmark(ours, truth, guess, spacing)
    assert found == pytest.approx(theirs(truth, guess, spacing), abs=1e-9)
    ratio = times_faster(
        lambda: theirs(truth, guess, spacing), lambda: ours(truth, guess, spacing), TIMES_FASTER, repeats=3
    )
    benchmark.extra_info.update(times_faster=ratio)
    assert ratio >= TIMES_FASTER, ratio


@pytest.mark.slow
@pytest.mark.parametrize(("radius", "expected"), [(12, 5), (40, 9)])
def test_a_small_object_in_a_large_volume(radius: int, expected: float, benchmark: Any, times_faster: Any) -> None:
    """As in a session, the truth is prepared once for all turns.

    A very small object costs little but reading the volume once to find it, which takes theirs about ten times as long.
    Measured on a quiet machine: 6.8 to 7.0 times as fast for the small one, 10.2 to 10.3 for the other.
    """
    truth, guesses = small_in_large(radius)
    spacing = (3.0, 0.7, 0.7)

    def session() -> list[tuple[float, float]]:
        surfaces = Surfaces(truth, spacing)
        distances = [surfaces.against(guess) for guess in guesses]
        return [(each.nsd(TOLERANCE_MM), each.hd(95)) for each in distances]

    def their_session() -> list[tuple[float, float]]:
        return [theirs(truth, guess, spacing) for guess in guesses]

    found = benchmark(session)
    np.testing.assert_allclose(found, their_session(), atol=1e-9)
    ratio = times_faster(their_session, session, expected, repeats=3)
    benchmark.extra_info.update(times_faster=ratio)
    assert ratio >= expected, ratio
