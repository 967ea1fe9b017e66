import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from imedbench.prompts.base import PLAIN, Imperfection, Scene
from imedbench.prompts.box import BoxUser
from imedbench.prompts.click import ClickUser
from imedbench.prompts.imperfect import Dilate, Displace, Jitter, Miss, Scale, Translate, WrongSide, radius_of
from imedbench.prompts.mask import MaskUser
from imedbench.prompts.scribble import ScribbleUser
from imedbench.types import Box, Click, MaskPrompt, Scribble, Text

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "shapes.py"))
ellipse = FAKE["ellipse"]
DISC = ellipse((101, 101), (50, 50), (20, 20))
BALL = ellipse((61, 61, 61), (30, 30, 30), (12, 12, 12))
STROKE = Scribble(np.array([[2, 3], [2, 4], [3, 5]], np.int32))
OFFSETS = st.sampled_from(
    [
        Displace(low=0, high=3),
        Displace(low=1, high=1, planar=True),
        WrongSide(probability=0.5),
        Miss(probability=0.7),
        Miss(probability=1, planar=True),
        Scale(low=0.01, high=4),
        Jitter(low=-9, high=9),
        Jitter(low=2, high=5, planar=False),
        Jitter(low=0, high=20, outward=True, together=True, relative_to=16),
        Dilate(low=-9, high=9),
        Translate(low=-20, high=20),
        Translate(low=1, high=5, relative_to=3, at_most=0.5, planar=False),
    ]
)


def spoil(imperfection: Imperfection, prompt: Any, truth: Any, seed: int = 0, scene: Scene = PLAIN) -> Any:
    (spoiled,) = imperfection((prompt,), truth, np.random.default_rng(seed), scene)
    return spoiled


def boxes(imperfection: Imperfection, box: Box, truth: Any = DISC, seeds: int = 300) -> Any:
    """(seeds, 2, d) corners."""
    found = [spoil(imperfection, box, truth, seed) for seed in range(seeds)]
    return np.array([[one.low, one.high] for one in found])


@given(OFFSETS, FAKE["PAIRS"], st.integers(0, 99))
def test_prompts_stay_in_the_grid_and_boxes_hold_a_voxel(
    imperfection: Imperfection, pair: tuple[Any, Any], seed: int
) -> None:
    truth, guess = pair
    rng = np.random.default_rng(seed)
    users = (ClickUser(count=2), BoxUser(), ScribbleUser(), MaskUser(source="truth"))
    prompts = tuple(prompt for user in users for prompt in user(truth, guess, rng))
    spoiled = imperfection(
        prompts, truth, np.random.default_rng(seed), Scene(spacing_mm=(4.0, 1.0, 2.0)[-truth.ndim :])
    )
    assert [type(prompt) for prompt in spoiled] == [type(prompt) for prompt in prompts]
    for prompt in spoiled:
        match prompt:
            case Click():
                assert all(0 <= place < size for place, size in zip(prompt.at, truth.shape, strict=True))
            case Box():
                sides = zip(prompt.low, prompt.high, truth.shape, strict=True)
                assert all(0 <= low < high <= size for low, high, size in sides)
            case Scribble():
                assert prompt.voxels.dtype == np.int32
                assert (prompt.voxels >= 0).all()
                assert (prompt.voxels < truth.shape).all()
            case MaskPrompt():
                assert prompt.logits.shape == truth.shape
    again = imperfection(prompts, truth, np.random.default_rng(seed), Scene(spacing_mm=(4.0, 1.0, 2.0)[-truth.ndim :]))
    assert [repr(prompt) for prompt in again] == [repr(prompt) for prompt in spoiled]


def test_the_radius_is_that_of_the_circle_or_the_ball() -> None:
    assert radius_of(DISC) == pytest.approx(20, rel=0.01)
    assert radius_of(BALL) == pytest.approx(12, rel=0.01)
    assert radius_of(DISC, (2.0, 2.0)) == pytest.approx(40, rel=0.01)


@pytest.mark.parametrize(("truth", "centre", "radius"), [(DISC, (50, 50), 20), (BALL, (30, 30, 30), 12)])
@pytest.mark.parametrize("fraction", [0.25, 0.5, 0.75, 1.0])
def test_a_point_is_displaced_by_a_fraction_of_the_radius(
    truth: Any, centre: Any, radius: float, fraction: float
) -> None:
    imperfection = Displace(low=fraction, high=fraction)
    steps = np.array([spoil(imperfection, Click(centre), truth, seed).at for seed in range(300)]) - centre
    lengths = np.linalg.norm(steps, axis=1)
    # To the nearest voxel: at most half the diagonal of one off.
    assert np.abs(lengths - fraction * radius).max() < 0.5 * np.sqrt(truth.ndim) + 0.2
    # Every direction: the mean of 300 unit vectors is short.
    assert np.linalg.norm((steps / lengths[:, None]).mean(axis=0)) < 0.25


def test_a_point_may_leave_the_object_but_not_the_image() -> None:
    truth = np.zeros((30, 30), np.bool_)
    truth[:, :3] = True
    at = np.array([spoil(Displace(low=2, high=2), Click((15, 1)), truth, seed).at for seed in range(100)])
    assert at.min() == 0
    assert at.max() <= 29
    assert not truth[tuple(at.T)].all()


def test_displacement_is_in_space() -> None:
    truth = ellipse((21, 81, 81), (10, 40, 40), (5, 20, 20))
    scene = Scene(spacing_mm=(4.0, 1.0, 1.0))
    at = np.array([spoil(Displace(low=1, high=1), Click((10, 40, 40)), truth, seed, scene).at for seed in range(200)])
    steps = (at - (10, 40, 40)) * (4.0, 1.0, 1.0)
    assert np.abs(np.linalg.norm(steps, axis=1) - 20).max() < 3
    assert np.abs(at[:, 0] - 10).max() == 5


def test_displacement_within_the_slice_goes_by_the_circle_there() -> None:
    imperfection = Displace(low=1, high=1, planar=True)
    at = np.array([spoil(imperfection, Click((24, 30, 30)), BALL, seed).at for seed in range(100)])
    assert (at[:, 0] == 24).all()
    assert np.abs(np.linalg.norm(at[:, 1:] - 30, axis=1) - np.sqrt(12**2 - 6**2)).max() < 1
    outside = spoil(imperfection, Click((2, 30, 30)), BALL)
    assert outside.at[0] == 2
    assert np.linalg.norm(np.array(outside.at[1:]) - 30) == pytest.approx(12, abs=1)


def test_strokes_move_as_they_are() -> None:
    moved = spoil(Displace(low=0.5, high=0.5), Scribble(STROKE.voxels + 40), DISC)
    steps = moved.voxels - (STROKE.voxels + 40)
    assert (steps == steps[0]).all()
    assert np.linalg.norm(steps[0]) == pytest.approx(10, abs=1)
    flat = Scribble(np.array([[24, 30, 30], [24, 30, 31]], np.int32))
    assert (spoil(Displace(low=1, high=1), flat, BALL).voxels[:, 0] == 24).all()


def test_the_wrong_side_is_as_frequent_as_said() -> None:
    click, stroke = Click((3, 3)), STROKE
    clicks = [spoil(WrongSide(probability=0.25), click, DISC, seed) for seed in range(800)]
    # Six standard deviations.
    assert 125 < sum(not one.inside for one in clicks) < 275
    assert {one.at for one in clicks} == {(3, 3)}
    assert not spoil(WrongSide(probability=1), stroke, DISC).inside
    assert spoil(WrongSide(probability=0), click, DISC) is click


@pytest.mark.parametrize("truth", [DISC, BALL])
def test_a_miss_lies_outside_the_object(truth: Any) -> None:
    low, high = (25,) * truth.ndim, (35,) * truth.ndim
    for seed in range(50):
        assert not truth[spoil(Miss(probability=1), Click(low), truth, seed).at]
        box = spoil(Miss(probability=1), Box(low, high), truth, seed)
        assert tuple(np.subtract(box.high, box.low)) == (10,) * truth.ndim
    assert spoil(Miss(probability=0), Click(low), truth) == Click(low)
    missed = [spoil(Miss(probability=0.25), Click(low), truth, seed).at != low for seed in range(200)]
    assert 20 < sum(missed) < 80


def test_a_miss_within_the_slice() -> None:
    at = [spoil(Miss(probability=1, planar=True), Click((30, 30, 30)), BALL, seed).at for seed in range(50)]
    assert {place[0] for place in at} == {30}
    assert not any(BALL[place] for place in at)


def test_nothing_to_miss() -> None:
    assert spoil(Miss(probability=1), Click((2, 2)), np.ones((5, 5), np.bool_)) == Click((2, 2))


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        (0.5, Box((35, 40), (55, 50))),
        (0.75, Box((30, 38), (60, 53))),
        (1, Box((25, 35), (65, 55))),
        (1.25, Box((20, 33), (70, 58))),
        (1.5, Box((15, 30), (75, 60))),
        (5, Box((0, 0), (101, 95))),
    ],
)
def test_a_box_is_scaled_about_its_centre(factor: float, expected: Box) -> None:
    assert spoil(Scale(low=factor, high=factor), Box((25, 35), (65, 55)), DISC) == expected


def test_scales_are_drawn_uniformly() -> None:
    corners = boxes(Scale(low=0.5, high=1.5), Box((30, 30), (70, 70)), seeds=600)
    sides = corners[:, 1] - corners[:, 0]
    assert np.abs(sides[:, 0] - sides[:, 1]).max() <= 1
    assert sides.min() == pytest.approx(20, abs=1)
    assert sides.max() == pytest.approx(60, abs=1)
    assert sides.mean() == pytest.approx(40, abs=2)


@pytest.mark.parametrize("low", [0, -5])
def test_sides_jittered_either_way_one_by_one(low: int) -> None:
    steps = boxes(Jitter(low=low, high=5), Box((30, 30), (70, 70)), seeds=1100) - [[30, 30], [70, 70]]
    counts = np.bincount(steps.ravel() + 5, minlength=11)
    # 400 each, five standard deviations.
    assert len(counts) == 11
    assert ((counts > 300) & (counts < 500)).all()
    assert np.abs(np.corrcoef(steps.reshape(-1, 4).T) - np.eye(4)).max() < 0.15


def test_a_jitter_of_one_size() -> None:
    steps = boxes(Jitter(low=3, high=3), Box((30, 30), (70, 70))) - [[30, 30], [70, 70]]
    assert set(steps.ravel()) == {-3, 3}
    some = boxes(Jitter(low=2, high=3), Box((30, 30), (70, 70))) - [[30, 30], [70, 70]]
    assert set(some.ravel()) == {-3, -2, 2, 3}


def test_outward_jitter_never_cuts() -> None:
    steps = boxes(Jitter(low=0, high=20, outward=True), Box((30, 30), (70, 70)), seeds=600) - [[30, 30], [70, 70]]
    assert set(-steps[:, 0].ravel()) == set(range(21))
    assert set(steps[:, 1].ravel()) == set(range(21))
    inward = boxes(Jitter(low=-4, high=-4, outward=True), Box((30, 30), (70, 70)), seeds=1) - [[30, 30], [70, 70]]
    assert inward.tolist() == [[[4, 4], [-4, -4]]]


def test_jitter_of_cvpr_2025() -> None:
    """One number of 0 to 5 on all four sides, by the size of the axis over 256, cut; the range of slices is exact."""
    truth = np.zeros((40, 512, 300), np.bool_)
    truth[5:30, 100:200, 100:200] = True
    imperfection = Jitter(low=0, high=5, outward=True, together=True, relative_to=256)
    corners = boxes(imperfection, Box((5, 100, 100), (30, 200, 200)), truth)
    steps = np.abs(corners - [[5, 100, 100], [30, 200, 200]])
    assert {tuple(step.ravel()) for step in steps} == {
        (0, 2 * number, int(number * 300 / 256)) * 2 for number in range(6)
    }


def test_all_six_sides_where_asked() -> None:
    corners = boxes(Jitter(low=1, high=1, outward=True, planar=False), Box((5, 5, 5), (9, 9, 9)), BALL, seeds=1)
    assert corners.tolist() == [[[4, 4, 4], [10, 10, 10]]]


@pytest.mark.parametrize("imperfection", [Scale(low=3, high=3), Dilate(radius=3), Jitter(low=3, high=3, planar=False)])
def test_a_box_of_one_slice_stays_in_it(imperfection: Imperfection) -> None:
    box = spoil(imperfection, Box((7, 10, 10), (8, 20, 20)), BALL)
    assert (box.low[0], box.high[0]) == (7, 8)
    assert box.low[1] != 10


def test_boxes_grow_and_shrink_by_a_radius() -> None:
    assert spoil(Dilate(radius=5), Box((3, 30), (70, 70)), DISC) == Box((0, 25), (75, 75))
    assert spoil(Dilate(radius=-5), Box((30, 30), (70, 37)), DISC) == Box((35, 33), (65, 34))
    assert spoil(Dilate(low=2, high=2), Box((30, 30), (70, 70)), DISC) == Box((28, 28), (72, 72))


def test_a_box_moves_whole_and_stays_inside() -> None:
    corners = boxes(Translate(low=0, high=30), Box((40, 80), (60, 95)))
    assert (corners[:, 1] - corners[:, 0] == (20, 15)).all()
    assert corners[:, 1, 1].max() == 101
    assert corners[:, 0, 0].min() == 10
    assert corners[:, 0, 0].max() == 70


def test_a_small_box_moves_little() -> None:
    corners = boxes(Translate(low=-5, high=4, at_most=0.5), Box((40, 40), (60, 44)))
    assert set(corners[:, 0].ravel() - 40) == {-2, -1, 0, 1, 2}
    corners = boxes(Translate(low=-5, high=4, at_most=0.5), Box((40, 40), (60, 60)))
    assert set(corners[:, 0].ravel() - 40) == set(range(-5, 5))
    # Numbers are of an image a quarter as large: a side of 9 is one of 2 there, and half of it 1, which is 4 here.
    scaled = Translate(low=-5, high=5, relative_to=DISC.shape[0] // 4, at_most=0.5)
    assert set(boxes(scaled, Box((40, 40), (60, 49)))[:, 0].ravel() - 40) == {-4, 0, 4}


def test_masks_grow_shrink_and_move() -> None:
    logits = np.where(DISC, 4, -4).astype(np.float32)
    for radius, size in ((3, 23), (-3, 17)):
        mask = spoil(Dilate(radius=radius), MaskPrompt(logits), DISC).logits > 0
        assert radius_of(mask) == pytest.approx(size, rel=0.03)
    mask = spoil(Translate(low=4, high=4), MaskPrompt(logits), DISC).logits > 0
    assert mask.sum() == DISC.sum()
    assert (mask != DISC).any()


def test_other_kinds_come_back_as_they_are() -> None:
    text, box, click = Text("liver"), Box((1, 1), (5, 5)), Click((2, 2))
    rng = np.random.default_rng(0)
    for imperfection in (Scale(low=2, high=2), Jitter(low=1, high=1), Dilate(radius=1), Translate(low=1, high=1)):
        assert imperfection((text, click), DISC, rng) == (text, click)
    for imperfection in (Displace(low=1, high=1), WrongSide(probability=1)):
        assert imperfection((text, box), DISC, rng) == (text, box)
    assert Miss(probability=1)((text,), DISC, rng) == (text,)


def test_imperfections_apply_one_after_the_other() -> None:
    user = BoxUser(imperfect=(Dilate(radius=2), Scale(low=2, high=2)))
    (box,) = user(DISC, ~DISC, np.random.default_rng(0))
    assert isinstance(box, Box)
    # 39 + 4 pixels, doubled; in the other order it would be 82.
    assert box.high[0] - box.low[0] == pytest.approx(86, abs=1)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (Displace, {"low": 0.5, "high": 0.2}),
        (Displace, {"low": -1, "high": 1}),
        (Scale, {"low": 0, "high": 1}),
        (Miss, {"probability": 1.5}),
        (Jitter, {"low": 0.5, "high": 2}),
        (Jitter, {"low": 0, "high": 2, "relative_to": 0}),
        (Dilate, {"low": 1}),
    ],
)
def test_what_is_not_an_amount(kind: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        kind(**wrong)
