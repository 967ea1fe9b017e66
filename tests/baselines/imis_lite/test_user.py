from collections import Counter

import cv2
import numpy as np
import pytest

from baselines.imis_lite.course import Session
from baselines.imis_lite.encoder import SIDE
from baselines.imis_lite.prompts import FIRST, INSIDE, LAST, NOTHING
from baselines.imis_lite.user import any_click, first_box, first_click, first_mask, first_prompts
from imedbench.types import Mask


def rectangle() -> Mask:
    """Columns 100 to 179, rows 40 to 79."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[40:80, 100:180] = True
    return mask


def shapes() -> list[Mask]:
    ring = np.hypot(*(np.indices((SIDE, SIDE)) - 120))
    pixel, corner = np.zeros((2, SIDE, SIDE), bool)
    pixel[200, 3] = True
    corner[:9, -5:] = True
    return [rectangle(), (ring > 50) & (ring < 60), pixel, corner, np.ones((SIDE, SIDE), bool)]


@pytest.mark.parametrize("deepest", [0.0, 0.5, 1.0])
def test_clicks_are_inside(deepest: float) -> None:
    session, rng = Session(deepest=deepest), np.random.default_rng(0)
    for mask in shapes():
        for _ in range(20):
            x, y = first_click(mask, session, rng)
            assert mask[y, x]


def test_clicks_of_a_grid_are_anywhere_in_the_picture() -> None:
    rng = np.random.default_rng(0)
    asked = [any_click((10, 40), rng) for _ in range(500)]
    xs, ys = np.array([each.points[0] for each in asked]).T
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (0, 39, 0, 9)
    assert all(each.lone and each.kinds.tolist() == [INSIDE, NOTHING, NOTHING] for each in asked)
    assert not any(each.rough.any() for each in asked)


def test_the_deepest_point() -> None:
    rng = np.random.default_rng(0)
    x, y = first_click(rectangle(), Session(deepest=1), rng)
    assert y in (59, 60)
    assert 119 <= x <= 160
    # The picture's edge is an edge of the mask.
    middle = first_click(np.ones((SIDE, SIDE), bool), Session(deepest=1), rng)
    assert np.abs(np.array(middle) - 127.5).max() < 3


def test_other_clicks_are_anywhere_but_rarely_at_the_edge() -> None:
    mask, rng = rectangle(), np.random.default_rng(0)
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5) / 20
    found = np.array([first_click(mask, Session(deepest=0), rng) for _ in range(500)])
    depths = depth[found[:, 1], found[:, 0]]
    uniform = depth[mask]
    assert depths.min() < 0.2
    assert depths.mean() > uniform.mean() + 0.1
    assert np.ptp(found[:, 0]) > 60


def test_boxes_that_fit() -> None:
    rng = np.random.default_rng(0)
    boxes = np.array([first_box(rectangle(), Session(tight=1), rng) for _ in range(400)])
    strays = (boxes - [100, 40, 179, 79]) / [80, 40, 80, 40]
    assert np.abs(strays).max() < 0.1
    assert strays.std() == pytest.approx(0.02, rel=0.15)
    assert strays.mean() == pytest.approx(0, abs=0.003)


def test_boxes_that_do_not_fit() -> None:
    rng = np.random.default_rng(0)
    session = Session(tight=0, scale=(0.5, 2.0), stray=0)
    boxes = np.array([first_box(rectangle(), session, rng) for _ in range(400)])
    scales = (boxes[:, 2:] - boxes[:, :2]) / [79, 39]
    np.testing.assert_allclose(scales[:, 0], scales[:, 1])
    np.testing.assert_allclose((boxes[:, 2:] + boxes[:, :2]) / 2, [[139.5, 59.5]] * 400)
    assert 0.5 <= scales.min() < 0.6
    assert 1.9 < scales.max() <= 2
    strayed = np.array([first_box(rectangle(), Session(tight=0, scale=(1, 1), stray=0.1), rng) for _ in range(400)])
    assert ((strayed - [100, 40, 179, 79]) / [80, 40, 80, 40]).std() == pytest.approx(0.1, rel=0.15)


def test_boxes_are_boxes_on_the_square() -> None:
    session, rng = Session(scale=(0.1, 3.0), stray=0.6), np.random.default_rng(0)
    for mask in shapes():
        for _ in range(50):
            box = first_box(mask, session, rng)
            assert box[0] <= box[2]
            assert box[1] <= box[3]
            assert box.min() >= 0
            assert box.max() <= SIDE - 1


def test_how_often_what() -> None:
    rng = np.random.default_rng(0)
    session = Session(box=0.4, both=0.2, mask=0.15)
    counts: Counter[tuple[int, ...]] = Counter()
    for _ in range(1000):
        points, kinds, rough, lone = first_prompts(rectangle(), session, rng)
        counts[tuple(kinds.tolist())] += 1
        assert rough.any() == (kinds == NOTHING).all()
        assert points.shape == (3, 2)
        assert points.dtype == np.float32
        assert lone == (FIRST not in kinds and INSIDE in kinds)
        if kinds[0] == INSIDE:
            x, y = points[0].astype(int)
            assert rectangle()[y, x]
        assert not points[kinds == NOTHING].any()
    shares = {
        (INSIDE, NOTHING, NOTHING): 0.25,
        (NOTHING, FIRST, LAST): 0.4,
        (INSIDE, FIRST, LAST): 0.2,
        (NOTHING, NOTHING, NOTHING): 0.15,
    }
    assert {kinds: count / 1000 for kinds, count in counts.items()} == pytest.approx(shares, abs=0.05)


def test_one_kind_alone() -> None:
    rng = np.random.default_rng(0)
    for session, expected in ((Session(box=1, both=0, mask=0), NOTHING), (Session(box=0, both=0, mask=0), INSIDE)):
        found = [first_prompts(rectangle(), session, rng) for _ in range(50)]
        assert {int(each.kinds[0]) for each in found} == {expected}
        assert {each.lone for each in found} == {expected == INSIDE}


def test_a_rough_mask() -> None:
    """Larger, smaller, moved, or a part of it; of what is not thin mostly still more than half."""
    rng = np.random.default_rng(0)
    for mask, least in zip(shapes(), (0.5, 0.2, 0, 0, 0.5), strict=True):
        drawn = [first_mask(mask, rng) for _ in range(60)]
        assert all(each.any() and each.shape == mask.shape and each.dtype == np.bool_ for each in drawn)
        overlaps = [(each & mask).sum() / (each | mask).sum() for each in drawn]
        assert np.median(overlaps) >= least
    for mask in shapes()[:2]:
        areas = np.array([first_mask(mask, rng).sum() for _ in range(60)])
        assert areas.min() < 0.8 * mask.sum()
        assert areas.max() > 1.1 * mask.sum()


def test_chance_decides() -> None:
    one, same, other = (first_prompts(rectangle(), Session(), np.random.default_rng(seed)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one[0], same[0])
    assert not np.array_equal(one[0], other[0])
