import runpy
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from imedbench.prompts.base import Scene
from imedbench.prompts.click import ClickUser, Place
from imedbench.prompts.imperfect import Displace, WrongSide
from imedbench.prompts.regions import RegionName, Slices
from imedbench.types import Click

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "shapes.py"))
ellipse = FAKE["ellipse"]
REGIONS, PLACES = get_args(RegionName), get_args(Place)
USERS = st.builds(
    ClickUser,
    region=st.sampled_from(REGIONS),
    place=st.sampled_from(PLACES),
    count=st.integers(1, 4),
    slices=st.sampled_from(get_args(Slices)),
    spacing_aware=st.booleans(),
)


def ask(user: ClickUser, truth: Any, guess: Any = None, seed: int = 0, **scene: Any) -> tuple[Click, ...]:
    prompts = user(truth, np.zeros_like(truth) if guess is None else guess, np.random.default_rng(seed), Scene(**scene))
    return tuple(prompt for prompt in prompts if isinstance(prompt, Click))


def spots(user: ClickUser, truth: Any, guess: Any = None, seeds: int = 200) -> set[tuple[float, ...]]:
    """Where the first click ever goes."""
    return {ask(user, truth, guess, seed)[0].at for seed in range(seeds)}


@given(USERS, FAKE["PAIRS"], st.integers(0, 99))
def test_clicks_lie_on_what_they_are_about(user: ClickUser, pair: tuple[Any, Any], seed: int) -> None:
    truth, guess = pair
    spacing = (3.0, 1.0, 0.5)[-truth.ndim :]
    clicks = ask(user, truth, guess, seed, spacing_mm=spacing)
    about = {
        "object": truth,
        "background": ~truth,
        "missed": truth & ~guess,
        "surplus": guess & ~truth,
    }.get(user.region, truth ^ guess)
    assert bool(clicks) == bool(about.any()) or user.slices != "volume"
    for click in clicks:
        assert about[click.at]
        assert click.inside == truth[click.at]
    assert len({click.at for click in clicks}) == len(clicks)
    assert ask(user, truth, guess, seed, spacing_mm=spacing) == clicks


@given(USERS, FAKE["PAIRS"], st.integers(0, 99))
def test_no_voxel_is_clicked_twice_while_there_are_others(user: ClickUser, pair: tuple[Any, Any], seed: int) -> None:
    truth, guess = pair
    user = user.model_copy(update={"slices": "volume"})
    before: list[Click] = []
    for turn in range(4):
        clicks = ask(user, truth, guess, seed + turn, given=tuple(before))
        again = {click.at for click in clicks} & {click.at for click in before}
        if again:
            about = {"object": truth, "background": ~truth, "missed": truth & ~guess, "surplus": guess & ~truth}
            left = about.get(user.region, truth ^ guess).copy()
            for click in before:
                left[tuple(int(place) for place in click.at)] = False
            assert not left.any()
        before += clicks


@pytest.mark.parametrize("region", [name for name in REGIONS if name not in {"object", "background"}])
@pytest.mark.parametrize("place", PLACES)
def test_a_perfect_guess_leaves_nothing_to_say(region: RegionName, place: Place) -> None:
    truth = ellipse((20, 20), (9, 9), (6, 4))
    assert ask(ClickUser(region=region, place=place), truth, truth) == ()


def test_the_deepest_point_of_an_object() -> None:
    truth = np.zeros((15, 15), np.bool_)
    truth[2:9, 3:10] = True
    truth[12, 2:14] = True
    assert spots(ClickUser(), truth, seeds=5) == {(5, 6)}


def test_deepest_is_any_of_equals_and_farthest_the_first_of_them() -> None:
    truth = np.zeros((9, 12), np.bool_)
    truth[2:5, 2:9] = True
    equals = {(3, column) for column in range(3, 8)}
    assert spots(ClickUser(place="deepest"), truth) == equals
    assert spots(ClickUser(place="farthest"), truth) == {(3, 3)}
    counts = [ask(ClickUser(), truth, seed=seed)[0].at[1] for seed in range(1000)]
    # Five columns, 200 each, four standard deviations.
    assert all(150 < counts.count(column) < 250 for column in range(3, 8))


def test_the_image_border_is_a_border_of_the_region() -> None:
    truth = np.zeros((11, 11), np.bool_)
    truth[0:5, 0:5] = True
    assert spots(ClickUser(), truth, seeds=5) == {(2, 2)}
    assert spots(ClickUser(), np.ones((7, 7), np.bool_), seeds=5) == {(3, 3)}


def test_depth_in_millimetres() -> None:
    truth = np.zeros((7, 20), np.bool_)
    truth[1:6, 1:5] = truth[2:5, 8:19] = True
    # In voxels the left part is 2 deep; with rows of 10 mm the right one is 6 mm deep, in any of its rows.
    assert spots(ClickUser(place="farthest"), truth, seeds=3) == {(2, 2)}
    wide = ClickUser(place="farthest", spacing_aware=True)
    assert ask(wide, truth, spacing_mm=(10.0, 1.0))[0].at == (2, 13)
    assert ask(wide, truth)[0].at == (2, 2)


def test_central_half_is_the_half_that_is_nearest_to_the_centre() -> None:
    truth = ellipse((21, 31), (10, 15), (7, 12))
    places = np.argwhere(truth)
    distances = np.linalg.norm(places - places.mean(axis=0), axis=1)
    found = np.array(sorted(spots(ClickUser(place="central-half"), truth, seeds=3000)))
    reached = np.linalg.norm(found - places.mean(axis=0), axis=1)
    assert reached.max() <= np.sort(distances)[len(places) // 2 - 1]
    assert len(found) > 0.95 * (len(places) // 2)


def test_central_half_of_one_voxel() -> None:
    truth = np.zeros((4, 4), np.bool_)
    truth[2, 1] = True
    for place in PLACES:
        assert ask(ClickUser(place=place), truth) == (Click((2, 1)),)


def test_centroid_is_inside_even_where_the_centre_of_mass_is_not() -> None:
    ring = ellipse((21, 21), (10, 10), (9, 9)) & ~ellipse((21, 21), (10, 10), (5, 5))
    at = ask(ClickUser(place="centroid"), ring)[0].at
    assert ring[at]
    assert np.hypot(at[0] - 10, at[1] - 10) == 5
    assert ask(ClickUser(place="centroid"), ellipse((21, 31), (10, 15), (7, 12)))[0].at == (10, 15)


def test_boundary_and_inner() -> None:
    truth = np.zeros((13, 13), np.bool_)
    truth[2:11, 2:11] = True
    rim = {(row, column) for row in range(2, 11) for column in range(2, 11) if {row, column} & {2, 10}}
    assert spots(ClickUser(place="boundary"), truth, seeds=600) == rim
    # Deepest 5: more than 2.5 deep is from 4 to 8.
    inner = {(row, column) for row in range(4, 9) for column in range(4, 9)}
    assert spots(ClickUser(place="inner"), truth, seeds=600) == inner


def test_uniform_is_uniform() -> None:
    truth = np.zeros((4, 4, 4), np.bool_)
    truth[1, 1, :] = truth[3, 3, 2] = True
    at = [ask(ClickUser(place="uniform"), truth, seed=seed)[0].at for seed in range(1000)]
    assert all(150 < at.count(place) < 250 for place in set(at))
    assert len(set(at)) == 5


def test_several_clicks_spread() -> None:
    truth = np.zeros((5, 41), np.bool_)
    truth[1:4, 1:40] = True
    columns = sorted(click.at[1] for click in ask(ClickUser(place="farthest", count=3), truth))
    assert len(columns) == 3
    assert min(np.diff(columns)) >= 2
    assert len(ask(ClickUser(place="uniform", count=9), truth[:, :3])) == 6


def test_clicks_in_slices() -> None:
    truth = np.zeros((6, 9, 9), np.bool_)
    truth[1:4, 2:7, 2:7] = True
    truth[4, 0, 0] = True
    each = ask(ClickUser(slices="each"), truth)
    assert [click.at for click in each] == [(1, 4, 4), (2, 4, 4), (3, 4, 4), (4, 0, 0)]
    assert [click.at for click in ask(ClickUser(slices="middle"), truth)] == [(3, 4, 4)]
    assert len(ask(ClickUser(slices="each", place="uniform", count=3), truth)) == 10


def test_who_is_made_to_click_in_each_slice_errs_within_it() -> None:
    truth = ellipse((9, 40, 40), (4, 20, 20), (3, 12, 12))
    user = ClickUser(imperfect=(Displace(low=1, high=1), WrongSide(probability=0))).on_each_slice()
    clicks = ask(user, truth)
    assert [click.at[0] for click in clicks] == [2, 3, 4, 5, 6]
    assert all(np.hypot(click.at[1] - 20, click.at[2] - 20) > 5 for click in clicks)


def test_clicks_of_ritm() -> None:
    """Six clicks of RITM's own clicker on a guess that stays as it is."""
    truth, guess = ellipse((48, 64), (20, 24), (12, 17)), ellipse((48, 64), (24, 34), (10, 16))
    user = ClickUser(region="deeper-error", place="farthest")
    before: tuple[Click, ...] = ()
    for _ in range(6):
        before += ask(user, truth, guess, given=before)
    assert [click.at for click in before] == [(19, 13), (20, 13), (21, 13), (18, 14), (15, 17), (16, 15)]
    truth, guess = np.zeros((10, 12), np.bool_), np.zeros((10, 12), np.bool_)
    truth[0:7, 0:5] = guess[3:10, 7:12] = True
    before = ()
    for _ in range(4):
        before += ask(user, truth, guess, given=before)
    assert [(click.at, click.inside) for click in before] == [
        ((5, 9), False),
        ((6, 9), False),
        ((7, 9), False),
        ((2, 2), True),
    ]


def test_clicks_of_cvpr_2025() -> None:
    """The voxels among which the challenge's own script draws."""
    shape = (16, 40, 36)
    truth, guess = ellipse(shape, (8, 18, 16), (6, 12, 11)), ellipse(shape, (9, 22, 20), (5, 10, 12))
    user = ClickUser(region="largest-error", place="deepest", avoid_clicked=False)
    equals = {(7, 11, 13), (7, 12, 11), (8, 10, 13), (8, 10, 14), (8, 11, 11), (8, 11, 12)}
    assert spots(user, truth, guess, seeds=60) == equals


def test_published_programs_may_click_again() -> None:
    truth = np.zeros((7, 7), np.bool_)
    truth[1:6, 1:6] = True
    before = (Click((3, 3)),)
    assert ask(ClickUser(avoid_clicked=False), truth, given=before) == before
    assert ask(ClickUser(), truth, given=before) != before


@pytest.mark.parametrize("wrong", [{"count": 0}, {"place": "middle"}, {"region": "error"}, {"slices": "some"}])
def test_what_is_not_a_setting(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ClickUser(**wrong)
