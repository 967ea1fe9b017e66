import numpy as np
import pytest

from imedbench.models.evidence import (
    log_ratio,
    region_of,
    vote_of_all,
    vote_of_click,
    vote_of_scribble,
    votes_of_box,
    votes_of_mask,
    voxel_of,
)
from imedbench.types import Box, Click, Scribble

BINS = np.full((20, 20), 50, np.uint8)
BINS[5:11, 6:12] = 200


def test_every_vote_has_the_same_weight() -> None:
    mask = np.zeros(BINS.shape, bool)
    mask[5:11, 6:12] = True
    stroke = Scribble(np.array([[6, 7], [6, 8]], np.int32))
    within, ring = votes_of_box(BINS, Box((5.0, 6.0), (11.0, 12.0)))
    answered = votes_of_mask(BINS, mask)
    assert answered is not None
    clicked = vote_of_click(BINS, Click((8.0, 8.0)), (1.0, 1.0))
    votes = [vote_of_all(BINS), clicked, vote_of_scribble(BINS, stroke), within, *ring, answered[0], *answered[1]]
    assert [vote.sum() for vote in votes] == pytest.approx([1.0] * 7)
    assert within[200] == answered[0][200] == 1.0
    assert ring[0][50] == answered[1][0][50] == 1.0


def test_a_click_looks_less_across_thick_slices() -> None:
    volume = np.full((7, 9, 9), 50, np.uint8)
    volume[3] = 200
    thin, thick = (vote_of_click(volume, Click((3.0, 4.0, 4.0)), (spacing, 1.0, 1.0)) for spacing in (1.0, 5.0))
    assert thick[200] > 0.99
    assert 0.2 < thin[200] < 0.5


def test_a_box_of_one_slice_says_nothing_of_its_neighbours() -> None:
    volume = np.zeros((3, 20, 20), np.uint8)
    volume[1] = BINS
    within, ring = votes_of_box(volume, Box((1.0, 5.0, 6.0), (2.0, 11.0, 12.0)))
    assert within[200] == 1.0
    assert ring[0][50] == 1.0


def test_what_fills_the_image_has_no_outside() -> None:
    assert votes_of_box(BINS, Box((0.0, 0.0), (20.0, 20.0)))[1] == []
    assert votes_of_mask(BINS, np.zeros(BINS.shape, bool)) is None


def test_evidence_is_for_like_values_and_limited() -> None:
    inside, outside = vote_of_scribble(BINS, Scribble(np.array([[6, 7]], np.int32))), vote_of_all(BINS)
    evidence = log_ratio([inside], [outside], 4.0)
    assert evidence[200] > 2
    assert evidence[50] == -4.0
    assert abs(evidence[120]) < 0.1
    np.testing.assert_allclose(log_ratio([inside], [], 4.0)[200], 3.2, atol=0.2)


def test_places_outside_of_the_grid_are_moved_into_it() -> None:
    assert voxel_of(Click((-3.0, 25.2)), (20, 20)) == (0, 19)
    assert voxel_of(Click((2.5, 2.4)), (20, 20)) == (3, 2)
    assert region_of(Box((-5.0, 19.0), (2.0, 30.0)), (20, 20)) == (slice(0, 2), slice(19, 20))
    assert region_of(Box((25.0, 4.2), (26.0, 4.4)), (20, 20)) == (slice(19, 20), slice(5, 6))
