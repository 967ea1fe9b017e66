"""What every protocol that ships must keep."""

import re
from collections import Counter

import numpy as np
import pytest

from imedbench import catalog
from imedbench.evaluate.protocol import Arm, Protocol, list_protocols, load_protocol
from imedbench.prompts.base import Scene, Simulator
from imedbench.types import Box, Click, Mask, MaskPrompt, Prompt, Scribble, Text

FROZEN = {
    "clicks-9": "ef36ac0df250ecd6af439c45b77010818a05d5dc0065356c6b0405fe1275af7f",
    "cvpr2025": "f672518a43d83e0365aa8fc8c09f051874c3f823dcdbdd6adcb87be7a06892ae",
    "cvpr2025-clicks": "f5aa55f034cc017902094f3d69abe6ec577607f5094c8bc2346661d04d578d89",
    "imis": "988cde541b0c9a4c25d08371196dba16aff16821a96f6a0db2971b4111f97472",
    "medsam-box": "fefe2dcd55c070d3770b3cffe3aafd4f9a62a637a1e6c2cb7b6f87944ec1b392",
    "noc": "a0c258610def8aa3b3d454f7e3d387aa7b4e869fe517ab880de9c00010a7e81b",
    "prism-11": "2721be540fb402dfa02316e2e448ab69fa7694d86ed63c06fdeea887c073add8",
    "radioactive": "771236719b750bbc40c5bd034683b334210c7b9a3627727f139512e2f6f8f857",
    "robustness": "f1144df51eda924bc9bad1b7ff8db66e9d3c593b4537a56a99f3c42fa96bee13",
    "safeclick": "6fda4eaf31b499db1906ba85d15897b4454f0926db4f4d9ecfc796ed3eccefda",
    "single": "3cb4feea6741fb492d2e5d24c6a3c32803c52c6bfc7b0310ef005e6dd4cf654c",
}
"""What each published protocol is. A change of one fails here, on purpose: it must get a new id instead."""
KINDS = {Click: "click", Box: "box", Scribble: "scribble", MaskPrompt: "mask", Text: "text"}
SHAPES = [(40, 48), (12, 32, 36)]


def truth_of(shape: tuple[int, ...]) -> Mask:
    """An object in two parts, of which one touches the border."""
    truth = np.zeros(shape, np.bool_)
    truth[(*[slice(2, -2)] * (len(shape) - 2), slice(8, 22), slice(10, 24))] = True
    truth[(*[slice(0, 4)] * (len(shape) - 2), slice(30, None), slice(28, None))] = True
    return truth


def guess_of(truth: Mask, turn: int) -> Mask:
    """An answer with misses and surplus, another one each turn."""
    return np.roll(truth, 1 + turn % 5, axis=-1)


def session(arm: Arm, truth: Mask, seed: int) -> list[tuple[Prompt, ...]]:
    """The prompts of each turn, with a model that is never right."""
    turns: list[tuple[Prompt, ...]] = []
    guess, given = np.zeros_like(truth), ()
    for turn in range(1, arm.turns + 1):
        logits = np.where(guess, 2, -2).astype(np.float32) if turns else None
        scene = Scene(None, "left kidney", given, logits)
        rng = np.random.default_rng([seed, turn])
        users: tuple[Simulator, ...] = arm.first if turn == 1 else arm.later
        turns.append(tuple(prompt for user in users for prompt in user(truth, guess, rng, scene)))
        given += turns[-1]
        guess = guess_of(truth, turn)
    return turns


def touched(prompt: Prompt) -> np.ndarray:
    """(n, d) voxels or corners that must lie in the grid."""
    match prompt:
        case Click(at):
            return np.array([at])
        case Box(low, high):
            return np.array([low, np.array(high) - 1])
        case Scribble(voxels):
            return voxels
        case _:
            return np.zeros((0, 1))


def test_the_published_ones_are_there() -> None:
    wanted = {"single", "clicks-9", "prism-11", "imis", "safeclick", "medsam-box", "cvpr2025", "noc"}
    assert wanted <= set(list_protocols())
    assert sorted(FROZEN) == list_protocols()


@pytest.mark.parametrize("name", list_protocols())
def test_is_what_was_published(name: str) -> None:
    assert load_protocol(name).digest() == FROZEN[name]


@pytest.mark.parametrize("name", list_protocols())
def test_says_what_it_is(name: str) -> None:
    protocol = load_protocol(name)
    assert protocol.id == name
    assert re.fullmatch(r"[^\n]{20,160}\.", protocol.summary)
    assert len(protocol.source) > 80
    assert "  " not in protocol.source


@pytest.mark.parametrize("name", list_protocols())
def test_names_of_arms_fit_a_table(name: str) -> None:
    for arm in load_protocol(name).arms:
        assert re.fullmatch(r"[a-z0-9][a-z0-9 %+-]{1,23}", arm.name), arm.name


@pytest.mark.parametrize("name", list_protocols())
def test_turns_that_it_names_exist(name: str) -> None:
    protocol = load_protocol(name)
    turns = [arm.turns for arm in protocol.arms]
    assert all(1 <= turn <= max(turns) for turn in protocol.shown)
    assert all(1 <= curve.first < (curve.last or max(turns)) <= max(turns) for curve in protocol.curves)


@pytest.mark.parametrize("name", list_protocols())
def test_a_series_has_levels_and_one_perfect_arm(name: str) -> None:
    protocol = load_protocol(name)
    stands = [(arm.series, arm.perfect) for arm in protocol.arms if arm.series]
    assert max(Counter((series.name, series.level) for series, _ in stands).values(), default=1) == 1
    for series in {series.name for series, _ in stands}:
        members = [perfect for each, perfect in stands if each.name == series]
        assert len(members) >= 3
        assert sum(members) == 1


@pytest.mark.parametrize("name", ["safeclick", "robustness"])
def test_the_imperfection_is_the_level(name: str) -> None:
    for arm in load_protocol(name).arms:
        assert arm.series
        level = arm.series.level
        assert f"{level:g} " in arm.name
        for imperfection in arm.first[0].imperfect:
            amounts = imperfection.model_dump()
            amount = level if arm.series.name.endswith("(px)") else level / 100
            assert (abs(amounts["low"]), amounts["high"]) == (amount, amount)


def test_db_sam_boxes_are_nine_pixels_loose_at_256() -> None:
    truth = np.zeros((256, 256), np.bool_)
    truth[100:120, 4:30] = True
    (loose,) = session(protocol_arms("medsam-box")["loose 9 of 256"], truth, 1)
    assert loose == (Box((91, 0), (129, 39)),)


@pytest.mark.parametrize("name", list_protocols())
def test_its_metrics_are_functions(name: str) -> None:
    for spec in load_protocol(name).metrics:
        assert callable(catalog.resolve("metric", catalog.METRICS, spec.metric))


@pytest.mark.parametrize("shape", SHAPES, ids=["2-D", "3-D"])
@pytest.mark.parametrize("name", list_protocols())
def test_every_arm_prompts_in_the_grid(name: str, shape: tuple[int, ...]) -> None:
    truth = truth_of(shape)
    for arm in load_protocol(name).arms:
        turns = session(arm, truth, 1)
        assert all(turns), arm.name
        assert {KINDS[type(prompt)] for prompts in turns for prompt in prompts} == arm.kinds, arm.name
        for places in (touched(prompt) for prompts in turns for prompt in prompts):
            assert (places >= 0).all(), arm.name
            assert (places < shape[: places.shape[1]]).all(), arm.name


@pytest.mark.parametrize("name", list_protocols())
def test_the_same_seed_prompts_the_same(name: str) -> None:
    truth = truth_of(SHAPES[0])

    def places(arm: Arm, seed: int) -> str:
        return repr([touched(prompt).tolist() for prompts in session(arm, truth, seed) for prompt in prompts])

    for arm in load_protocol(name).arms:
        assert places(arm, 1) == places(arm, 1), arm.name


@pytest.mark.parametrize("name", ["clicks-9", "prism-11", "imis", "cvpr2025"])
def test_another_seed_prompts_otherwise(name: str) -> None:
    truth = truth_of(SHAPES[1])
    arm = load_protocol(name).arms[0]
    assert repr(session(arm, truth, 1)) != repr(session(arm, truth, 2))


def protocol_arms(name: str) -> dict[str, Arm]:
    protocol: Protocol = load_protocol(name)
    return {arm.name: arm for arm in protocol.arms}


def test_prism_draws_the_box_once_and_keeps_it() -> None:
    ultra = protocol_arms("prism-11")["ultra"]
    turns = session(ultra, truth_of(SHAPES[1]), 1)
    assert [sum(isinstance(prompt, Box) for prompt in prompts) for prompts in turns] == [1] + 10 * [0]
    assert ultra.kept == ("box",)


def test_only_misses_are_scribbled_on_before_the_first_answer() -> None:
    first = session(protocol_arms("prism-11")["ultra"], truth_of(SHAPES[1]), 1)[0]
    strokes = [prompt for prompt in first if isinstance(prompt, Scribble)]
    assert strokes
    assert all(stroke.inside for stroke in strokes)
