import runpy
from pathlib import Path
from typing import Any, get_args

import cc3d
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from imedbench.prompts.depth import squared_depth
from imedbench.prompts.regions import RegionName
from imedbench.prompts.scribble import ScribbleUser
from imedbench.prompts.strokes import skeleton
from imedbench.types import Scribble

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "shapes.py"))
ellipse = FAKE["ellipse"]
TRUTH = ellipse((100, 120), (50, 60), (30, 45))
GUESS = ellipse((100, 120), (55, 75), (30, 40))
USERS = st.builds(
    ScribbleUser,
    region=st.sampled_from(get_args(RegionName)),
    style=st.sampled_from(["centreline", "line", "contour"]),
    slices=st.sampled_from(["each", "middle"]),
    thickness=st.integers(1, 3),
    lines=st.integers(1, 3),
    breaks=st.sampled_from([None, (1, 3), (4, 16)]),
    bend=st.sampled_from([None, (1, 6)]),
)


def ask(user: ScribbleUser, truth: Any, guess: Any = None, seed: int = 0) -> tuple[Scribble, ...]:
    prompts = user(truth, np.zeros_like(truth) if guess is None else guess, np.random.default_rng(seed))
    return tuple(prompt for prompt in prompts if isinstance(prompt, Scribble))


def drawn(user: ScribbleUser, truth: Any, guess: Any = None, seed: int = 0) -> Any:
    """What all strokes cover."""
    mask = np.zeros(truth.shape, np.bool_)
    for stroke in ask(user, truth, guess, seed):
        mask[tuple(stroke.voxels.T)] = True
    return mask


@given(USERS, FAKE["PAIRS"], st.integers(0, 99))
def test_strokes_lie_on_what_they_are_about(user: ScribbleUser, pair: tuple[Any, Any], seed: int) -> None:
    truth, guess = pair
    strokes = ask(user, truth, guess, seed)
    about = {"object": truth, "background": ~truth, "missed": truth & ~guess, "surplus": guess & ~truth}
    wanted = about.get(user.region, truth ^ guess)
    for stroke in strokes:
        places = tuple(stroke.voxels.T)
        assert stroke.voxels.dtype == np.int32
        assert len(stroke.voxels)
        assert wanted[places].all()
        assert (truth[places] == stroke.inside).all()
    if truth.ndim == 2 or user.region in about:
        assert bool(strokes) == bool(wanted.any())
    again = ask(user, truth, guess, seed)
    assert [one.voxels.tolist() for one in again] == [one.voxels.tolist() for one in strokes]


def test_an_unbroken_unbent_centreline_is_the_skeleton() -> None:
    assert np.array_equal(drawn(ScribbleUser(breaks=None, bend=None), TRUTH), skeleton(TRUTH))


def test_half_of_a_stroke_is_broken_away() -> None:
    whole = skeleton(TRUTH).sum()
    user = ScribbleUser(bend=None, breaks=(2, 3))
    shares = [drawn(user, TRUTH, seed=seed).sum() / whole for seed in range(60)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.08)
    pieces = [cc3d.connected_components(drawn(user, TRUTH, seed=seed), connectivity=8).max() for seed in range(20)]
    assert max(pieces) > 2


def test_bending_moves_a_stroke_by_about_what_it_says() -> None:
    def distance(bend: tuple[float, float] | None) -> float:
        user = ScribbleUser(breaks=None, bend=bend)
        away = np.sqrt(squared_depth(~skeleton(TRUTH)))
        return float(np.mean([away[drawn(user, TRUTH, seed=seed)].mean() for seed in range(20)]))

    assert distance(None) == 0
    assert 0.5 < distance((2, 2)) < 3
    assert 3 < distance((8, 8)) < 9


def test_thickness_and_styles() -> None:
    thin = drawn(ScribbleUser(breaks=None, bend=None), TRUTH).sum()
    thick = drawn(ScribbleUser(breaks=None, bend=None, thickness=3), TRUTH).sum()
    assert 2.5 < thick / thin < 3.5
    line = drawn(ScribbleUser(style="line", bend=None), TRUTH)
    assert cc3d.connected_components(line.view(np.uint8), connectivity=8).max() == 1
    depth = squared_depth(TRUTH)
    outline = drawn(ScribbleUser(style="contour", bend=None, breaks=None), TRUTH, seed=3)
    assert np.ptp(np.sqrt(depth[outline])) < 12


def test_missed_and_surplus_are_told_apart() -> None:
    strokes = ask(ScribbleUser(region="any-error"), TRUTH, GUESS)
    assert [stroke.inside for stroke in strokes] == [True, False]
    assert [one.inside for one in ask(ScribbleUser(region="surplus"), TRUTH, GUESS)] == [False]
    assert ask(ScribbleUser(region="any-error"), TRUTH, TRUTH) == ()


def test_by_slice_and_in_space() -> None:
    truth = ellipse((12, 40, 40), (6, 20, 20), (4, 15, 12))
    each = ask(ScribbleUser(), truth)
    assert [set(stroke.voxels[:, 0].tolist()) for stroke in each] == [{plane} for plane in range(3, 10)]
    (middle,) = ask(ScribbleUser(slices="middle"), truth)
    assert set(middle.voxels[:, 0].tolist()) == {6}
    for style in ("centreline", "line"):
        user = ScribbleUser(slices="volume", style=style, breaks=None, bend=None)
        (through,) = ask(user, truth)
        assert cc3d.connected_components(drawn(user, truth).view(np.uint8), connectivity=26).max() == 1
        assert truth[tuple(through.voxels.T)].all()
    assert np.array_equal(drawn(ScribbleUser(slices="volume", breaks=None, bend=None), truth), skeleton(truth))
    bent = drawn(ScribbleUser(slices="volume", bend=(2, 2), bend_smoothing=(4, 4)), truth)
    assert bent.any()
    assert not (bent & ~truth).any()


def test_who_is_made_to_draw_in_each_slice() -> None:
    assert ScribbleUser(slices="volume").on_each_slice() == ScribbleUser(slices="each")


def test_the_first_voxels_in_raster_order() -> None:
    truth = ellipse((12, 40, 40), (6, 20, 20), (4, 15, 12))
    every = np.vstack([stroke.voxels for stroke in ask(ScribbleUser(), truth)])
    some = np.vstack([stroke.voxels for stroke in ask(ScribbleUser(most=20), truth)])
    assert some.tolist() == every[:20].tolist()


@pytest.mark.parametrize(
    "wrong",
    [
        {"style": "contour", "slices": "volume"},
        {"breaks": (5, 2)},
        {"bend": (0, 2)},
        {"thickness": 0},
        {"most": 0},
    ],
)
def test_what_cannot_be_drawn(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ScribbleUser(**wrong)
