"""The protocols against the programs that they follow.

The numbers below were printed by those programs, run on the shapes below; nothing of them is here:
CVPR25_iter_eval.py and get_boxes.py of JunMa11/CVPR-MedSegFMCompetition 748e862 (its NSD with np.Inf spelt np.inf),
isegm/inference/{clicker,utils}.py of SamsungLabs/ritm_interactive_segmentation b9b4460 (np.bool spelt bool),
src/test.py and src/utils/scribble.py of MedICL-VU/PRISM 4818054 (thinned by scikit-image), model.py and
dataloaders/data_utils.py of uni-medical/IMIS-Bench f4519c0.
"""

from collections.abc import Sequence

import numpy as np
import pytest

from imedbench.evaluate.loop import Dialogue, Goal
from imedbench.evaluate.protocol import Arm, load_protocol
from imedbench.evaluate.scoring import Identity, Scored, Scorer, gate_cases, score_rows
from imedbench.prompts.base import Scene
from imedbench.types import Box, Click, Mask, Prompt, Scribble, Turn

SHAPE = (24, 40, 48)


def ellipsoid(shape: tuple[int, ...], centre: Sequence[int], radii: Sequence[int]) -> Mask:
    grid = np.ogrid[tuple(slice(0, size) for size in shape)]
    terms = [((axis - middle) / radius) ** 2 for axis, middle, radius in zip(grid, centre, radii, strict=True)]
    return np.asarray(sum(terms) <= 1)


def disk(shape: tuple[int, ...], at: Sequence[float], radius: int) -> Mask:
    row, column = np.ogrid[: shape[0], : shape[1]]
    return np.asarray((row - at[0]) ** 2 + (column - at[1]) ** 2 <= radius * radius)


def volume_pair(seed: int) -> tuple[Mask, Mask]:
    """A truth of two parts, one of them cut by the image's border, and a guess beside it."""
    rng = np.random.default_rng(seed)
    truth = ellipsoid(SHAPE, (11, 19, 22), (8, 12, 15)) | ellipsoid(SHAPE, (1, 37, 44), (4, 7, 8))
    guess = ellipsoid(SHAPE, np.add((11, 19, 22), rng.integers(-7, 8, 3)), (6, 13, 12))
    return truth, guess | ellipsoid(SHAPE, rng.integers(2, 22, 3), (2, 4, 3))


def arm(protocol: str, number: int = 0) -> Arm:
    return load_protocol(protocol).arms[number]


def said(arm: Arm, truth: Mask, guess: Mask, seed: int, given: tuple[Prompt, ...] = ()) -> tuple[Prompt, ...]:
    """What the user of later turns says, or that of the first turn before there is an answer."""
    users = arm.later if guess.any() else arm.first
    rng, scene = np.random.default_rng(seed), Scene((2.5, 0.8, 0.8)[-truth.ndim :], "", given)
    return tuple(prompt for user in users for prompt in user(truth, guess, rng, scene))


CVPR_CLICKS = {
    1: {(11, 16, 11), (11, 17, 11), (11, 21, 11), (11, 22, 11)},
    2: {(11, 20, 31)},
    3: {(10, 20, 30), (10, 21, 30), (10, 22, 29), (11, 20, 31), (11, 21, 31), (11, 22, 30)},
    4: {(11, 18, 13)},
    5: {(11, 16, 30)},
    7: {(9, 17, 16)},
    8: {(9, 21, 31), (10, 20, 32), (10, 21, 32), (10, 23, 31), (11, 19, 33), (11, 22, 32), (11, 24, 31)},
}
"""Seed of the pair to the voxels of the largest error among which the script draws."""


@pytest.mark.parametrize("seed", CVPR_CLICKS)
def test_cvpr_clicks_where_the_script_may(seed: int) -> None:
    truth, guess = volume_pair(seed)
    clicks = [said(arm("cvpr2025"), truth, guess, draw) for draw in range(60)]
    assert {click.at for (click,) in clicks if isinstance(click, Click)} == CVPR_CLICKS[seed]
    assert all(click.inside for (click,) in clicks if isinstance(click, Click))


def test_cvpr_clicks_outside_on_surplus() -> None:
    guess, truth = volume_pair(2)
    assert said(arm("cvpr2025"), truth, guess, 0) == (Click((11, 20, 31), inside=False),)


def test_cvpr_may_click_where_it_clicked_before() -> None:
    truth, guess = volume_pair(2)
    again = (Click((11, 20, 31)),)
    assert said(arm("cvpr2025"), truth, guess, 0, again) == again


def test_the_border_of_the_image_is_a_border_for_cvpr() -> None:
    truth = np.zeros((5, 6, 7), bool)
    truth[:3, :4, :5] = True
    clicks = [said(arm("cvpr2025-clicks"), truth, np.zeros_like(truth), draw) for draw in range(60)]
    places = {click.at for (click,) in clicks if isinstance(click, Click)}
    assert places == {(1, row, column) for row in (1, 2) for column in (1, 2, 3)}


CVPR_BOXES = {
    "inner": [((3, 90 - shift, 220 - 2 * shift), (16, 191 + shift, 381 + 2 * shift)) for shift in range(6)],
    "border": [((0, 0, 211 - shift), (9, last, 256)) for shift, last in enumerate((30, 30, 31, 31, 32, 32))],
}
"""For each number that the script may draw; its z_min, z_mid_y_min, z_mid_x_min, and the others plus one."""


@pytest.mark.parametrize("name", CVPR_BOXES)
def test_cvpr_boxes_are_those_of_the_script(name: str) -> None:
    if name == "inner":
        truth = ellipsoid((20, 300, 520), (9, 140, 300), (6, 50, 80))
        # The script's shift is cut to whole voxels: 300 / 256 and 520 / 256 of 0 to 5.
        assert [int(shift * 300 / 256) for shift in range(6)] == list(range(6))
    else:
        truth = ellipsoid((9, 128, 256), (3, 10, 240), (9, 20, 30))
        truth[4] = False
    guess = np.zeros_like(truth)
    boxes = {said(arm("cvpr2025"), truth, guess, draw)[0] for draw in range(40)}
    assert boxes == {Box(low, high) for low, high in CVPR_BOXES[name]}


CVPR_STEPS = ((18, 0), (12, 0), (6, 1), (3, 3), (1, 4), (0, 5))
"""How far class 1 is off, and the radius of the answer for class 2, in each of the script's six steps."""
CVPR_DSC = (
    0.032121051234404036,
    0.1419340943355589,
    0.3163371276274502,
    0.5692359673337934,
    0.7622317656800416,
    0.9565602836879432,
)
CVPR_NSD = (0.0, 0.0, 0.24297839889841785, 0.7902667618412191, 0.9894696828765875, 1.0)
CVPR_AUC = {"auc dice": 2.1970520496530366, "auc nsd 2 mm": 2.5227148436162246}


def cvpr_sessions() -> list[Dialogue]:
    """Two classes of an image in six steps; in step 2 only the first is above the gate, in step 3 the second is not."""
    shape = (20, 36, 40)
    first = ellipsoid(shape, (9, 17, 14), (6, 11, 9))
    second = ellipsoid(shape, (12, 18, 32), (5, 6, 5)) & ~first
    sessions = [
        Dialogue(Goal("case", name, 0, truth, (2.5, 0.8, 0.8)), arm("cvpr2025"), 0)
        for name, truth in (("first", first), ("second", second))
    ]
    for step, (shift, radius) in enumerate(CVPR_STEPS, start=1):
        one = ellipsoid(shape, (9, 17 + shift, 14), (6, 11, 9))
        two = ellipsoid(shape, (12, 18, 32), (radius,) * 3) & ~one if radius else np.zeros(shape, bool)
        for session, guess in zip(sessions, (one, two), strict=True):
            session.turns.append(Turn(step, (), guess, 0.0))
    return sessions


def test_cvpr_scores_are_those_of_the_script() -> None:
    protocol, sessions = load_protocol("cvpr2025"), cvpr_sessions()
    scored = []
    for session in sessions:
        scorer = Scorer(session.goal.truth, session.goal.spacing_mm, protocol.metrics)
        who = Identity("set", "patient", "study", "case", "ct", session.goal.target, "other", 0)
        scored.append(Scored.of(who, session, scorer))
    gate_cases(protocol, scored)
    rows = [row for each in scored for row in score_rows(protocol, each)]

    def mean(metric: str, turn: int) -> float:
        return float(np.mean([row["value"] for row in rows if row["metric"] == metric and row["turn"] == turn]))

    assert [mean("dice", turn) for turn in range(1, 7)] == pytest.approx(CVPR_DSC, abs=1e-12)
    assert [mean("nsd 2 mm", turn) for turn in range(1, 7)] == pytest.approx(CVPR_NSD, abs=1e-9)
    for label, area in CVPR_AUC.items():
        assert mean(label, 0) == pytest.approx(area, abs=1e-9)


RITM = {
    0: ("28,6+ 36,53+ 17,4+ 21,10+ 19,13- 11,4- 25,12- 30,53- 34,48- 34,58-", [5, 8, 10]),
    1: (
        "17,9+ 19,37+ 13,57+ 9,6+ 21,60+ 25,6+ 10,14+ 7,16- 21,16+ 24,19- 5,4- 25,58- 29,4- 6,59+ 2,59- "
        "12,34+ 8,34- 15,1+ 16,44+ 13,46-",
        [18, 20, 20],
    ),
    2: ("28,15+ 18,9+ 13,19+ 26,6+ 22,21+ 30,23+ 34,9+ 36,17+ 19,24- 37,6- 28,2- 30,27- 40,17-", [10, 11, 13]),
    3: ("25,55+ 10,46+ 26,20+ 18,52+ 14,53- 22,62+ 27,48+ 27,44- 32,57+ 35,60- 17,62- 18,47-", [8, 10, 12]),
}
"""Seed to RITM's clicks (row, column, + inside, - outside) and its NoC at 80, 85 and 90 %; `repaired` is the model."""


def blots(seed: int) -> Mask:
    rng = np.random.default_rng(100 + seed)
    truth = np.zeros((48, 64), bool)
    for _ in range(3):
        at = int(rng.integers(0, 48)), int(rng.integers(0, 64))
        truth |= disk(truth.shape, at, int(rng.integers(5, 13)))
    return truth


def repaired(guess: Mask, truth: Mask, click: Click) -> Mask:
    """A model's answer: a disk is added around a click inside; around one outside, what is too much is taken away."""
    spot = disk(truth.shape, click.at, 6)
    return guess | spot if click.inside else guess & ~(spot & ~truth)


def written(given: Sequence[Prompt]) -> str:
    clicks = [click for click in given if isinstance(click, Click)]
    return " ".join(f"{click.at[0]},{click.at[1]}{'+' if click.inside else '-'}" for click in clicks)


@pytest.mark.parametrize("seed", RITM)
def test_noc_is_ritms_click_by_click(seed: int) -> None:
    protocol, truth = load_protocol("noc"), blots(seed)
    user, clicks, counts = protocol.arms[0], *RITM[seed]
    guess, given = np.zeros_like(truth), ()
    session = Dialogue(Goal("case", "blots", 0, truth, (1.0, 1.0)), user, 0)
    while len(given) < user.turns:
        given += said(user, truth, guess, 0, given)
        assert isinstance(given[-1], Click)
        guess = repaired(guess, truth, given[-1])
        session.turns.append(Turn(len(given), given[-1:], guess, 0.0))
        if user.enough and (truth & guess).sum() / (truth | guess).sum() >= user.enough:
            break
    assert written(given) == clicks
    who = Identity("set", "p", "s", "case", "us", "blots", "other", 0)
    rows = score_rows(protocol, Scored.of(who, session, Scorer(truth, (1.0, 1.0), protocol.metrics)))
    found = {row["metric"]: row["value"] for row in rows if row["turn"] == 0}
    assert found == {f"noc@{level} iou": count for level, count in zip((80, 85, 90), counts, strict=True)}


def test_ritm_clicks_outside_in_a_tie_and_never_twice() -> None:
    truth, guess = np.zeros((12, 20), bool), np.zeros((12, 20), bool)
    truth[2:7, 2:7] = guess[2:7, 12:17] = True
    given: tuple[Prompt, ...] = ()
    for _ in range(6):
        given += said(arm("noc"), truth, guess, 0, given)
    assert written(given) == "4,14- 4,4+ 3,13- 3,14- 3,15- 4,13-"


PRISM = {1: (0.862, 417, 95), 2: (0.686, 420, 250)}
"""Seed of the pair, in slices of 128 x 128 as PRISM has them: of get_next_click3D_torch_2 in its test.py the share of
clicks inside in 3,000 draws, and the mean numbers of scribbled voxels inside and outside in 40 (standard deviations
at most 77 and 53)."""


@pytest.mark.parametrize("seed", PRISM)
def test_prism_clicks_on_all_mistakes_alike(seed: int) -> None:
    truth, guess = volume_pair(seed)
    clicks = [said(arm("prism-11"), truth, guess, draw)[0] for draw in range(600)]
    assert all((truth ^ guess)[click.at] == 1 and click.inside == truth[click.at] for click in clicks)
    # Three standard deviations of a share among 600, and one of that among 3,000.
    assert np.mean([click.inside for click in clicks]) == pytest.approx(PRISM[seed][0], abs=0.07)


@pytest.mark.parametrize("seed", PRISM)
def test_prism_scribbles_as_much(seed: int) -> None:
    truth, guess = (np.pad(mask, ((0, 0), (44, 44), (40, 40))) for mask in volume_pair(seed))
    amounts = []
    for draw in range(12):
        strokes = [each for each in said(arm("prism-11", 1), truth, guess, draw) if isinstance(each, Scribble)]
        assert all(((truth ^ guess)[tuple(stroke.voxels.T)]).all() for stroke in strokes)
        amounts.append([sum(len(each.voxels) for each in strokes if each.inside is side) for side in (True, False)])
    assert np.mean(amounts, axis=0) == pytest.approx(PRISM[seed][1:], rel=0.2)


def test_imis_clicks_first_in_the_middle_and_then_on_mistakes() -> None:
    truth, guess = np.zeros((24, 24), bool), np.zeros((24, 24), bool)
    truth[3:8, 4:15] = truth[8:20, 4:9] = guess[5:12, 2:12] = True
    first = {said(arm("imis"), truth, np.zeros_like(truth), draw)[0].at for draw in range(1000)}
    squares = ((np.array(sorted(first)) - np.argwhere(truth).mean(axis=0)) ** 2).sum(axis=1)
    # get_points_from_mask, 4,000 draws.
    assert (len(first), squares.max()) == (57, pytest.approx(26.769376181474478))
    later = {said(arm("imis"), truth, guess, draw)[0] for draw in range(1500)}
    # get_points_from_interaction, 4,000 draws: all 97 mistakes, 71 of them misses.
    assert {click.at for click in later} == {tuple(at) for at in np.argwhere(truth ^ guess).tolist()}
    assert (len(later), sum(click.inside for click in later)) == (97, 71)
