from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from imedbench.evaluate.guard import Guard
from imedbench.evaluate.loop import Dialogue, Goal, interact
from imedbench.evaluate.protocol import Arm
from imedbench.models.checks import kind_of
from imedbench.types import Image, MaskPrompt, Prediction, Prompt

TRUTH = np.zeros((20, 30), bool)
TRUTH[5:15, 5:20] = True
IMAGE = Image(np.zeros((20, 30), np.uint8), (1.0, 1.0), np.eye(4), "ct")
CLICK = {"simulate": "click"}
CORRECT = {"simulate": "click", "region": "any-error", "place": "uniform"}
BOX = {"simulate": "box"}


def arm(**fields: Any) -> Arm:
    written = {"name": "test", "first": [BOX], "later": [CORRECT], "turns": 3} | fields
    return Arm.model_validate(written)


def goal(truth: np.ndarray = TRUTH) -> Goal:
    return Goal("case", "liver", 0, truth, (1.0, 1.0))


def growing(grid: tuple[int, ...], prompts: Sequence[Prompt], previous: Prediction | None) -> Prediction:
    """The first columns of the truth, five more with each answer that it gets back."""
    turn = 1 if previous is None else previous.memory + 1
    logits = np.where(TRUTH, np.float32(1), np.float32(-1))
    logits[:, 5 + 5 * turn :] = -1
    return Prediction(logits, 0.1 * turn, turn)


def lead(puppet: Any, *dialogues: Dialogue, **settings: Any) -> None:
    interact(puppet.start(IMAGE), dialogues, Guard(), **settings)


def test_turns_follow_each_other_until_the_guess_is_perfect(enlist: Any) -> None:
    puppet = enlist(growing)
    dialogue = Dialogue(goal(), arm(turns=9), seed=1)
    ticks = iter(range(100))
    lead(puppet, dialogue, clock=lambda: next(ticks))
    assert [turn.index for turn in dialogue.turns] == [1, 2, 3]
    assert [int(turn.guess.sum()) for turn in dialogue.turns] == [50, 100, 150]
    assert [turn.score for turn in dialogue.turns] == pytest.approx([0.1, 0.2, 0.3])
    assert [turn.seconds for turn in dialogue.turns] == [1, 1, 1]
    assert [kind_of(prompt) for turn in dialogue.turns for prompt in turn.prompts] == ["box", "click", "click"]
    # Corrections lie on what is missing, and the model was given all prompts so far.
    for before, turn in zip(dialogue.turns, dialogue.turns[1:], strict=False):
        at = tuple(int(place) for place in turn.prompts[0].at)  # type: ignore[union-attr]
        assert (TRUTH & ~before.guess)[at]
    assert [len(asked[0]) for asked in puppet.asked] == [1, 2, 3]


def test_latest_prompts_only_and_what_is_kept(enlist: Any) -> None:
    puppet = enlist(growing)
    lead(puppet, Dialogue(goal(), arm(memory="latest"), seed=1))
    assert [[kind_of(prompt) for prompt in asked[0]] for asked in puppet.asked] == [["box"], ["click"], ["click"]]
    puppet = enlist(growing)
    lead(puppet, Dialogue(goal(), arm(memory="latest", kept=["box"]), seed=1))
    assert [[kind_of(prompt) for prompt in asked[0]] for asked in puppet.asked] == [
        ["box"],
        ["box", "click"],
        ["box", "click"],
    ]


def test_without_feedback_the_model_starts_anew(enlist: Any) -> None:
    dialogue = Dialogue(goal(), arm(feedback=False), seed=1)
    lead(enlist(growing), dialogue)
    assert [int(turn.guess.sum()) for turn in dialogue.turns] == [50, 50, 50]


def test_enough_is_enough(enlist: Any) -> None:
    dialogue = Dialogue(goal(), arm(turns=9, enough=100 / 150), seed=1)
    lead(enlist(growing), dialogue)
    assert len(dialogue.turns) == 2


def test_sessions_of_an_image_are_asked_together_and_end_alone(enlist: Any) -> None:
    puppet = enlist(growing)
    one, other = Dialogue(goal(), arm(turns=2), 1), Dialogue(goal(), arm(name="more", turns=9), 1)
    lead(puppet, one, other)
    assert [len(asked) for asked in puppet.asked] == [2, 2, 1]
    assert (len(one.turns), len(other.turns)) == (2, 3)


def test_a_user_who_says_nothing_has_seen_nothing(enlist: Any) -> None:
    puppet = enlist(growing)
    unseen = {"simulate": "click", "region": "surplus"}
    dialogue = Dialogue(goal(), arm(first=[unseen]), seed=1)
    lead(puppet, dialogue)
    (turn,) = dialogue.turns
    assert (turn.prompts, turn.guess.any(), turn.seconds, dialogue.error) == ((), False, 0.0, "")
    assert puppet.asked == []


@pytest.mark.parametrize(
    ("logits", "fault"),
    [
        (np.ones((3, 3), np.float32), r"answered logits of shape \(3, 3\) for an image of \(20, 30\)"),
        (np.full((20, 30), np.nan, np.float32), "answered NaN or infinite logits"),
        (np.full((20, 30), np.inf, np.float32), "answered NaN or infinite logits"),
    ],
)
def test_an_answer_that_cannot_be_scored_ends_its_session(enlist: Any, logits: np.ndarray, fault: str) -> None:
    dialogue = Dialogue(goal(), arm(), seed=1)
    lead(enlist(lambda *_: Prediction(logits, 0.5)), dialogue)
    assert dialogue.turns == []
    with pytest.raises(AssertionError, match=fault):
        raise AssertionError(dialogue.error)


LOGITS = np.ones((20, 30), np.float32)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (None, "the model answered NoneType, not an array of logits"),
        (Prediction([1.0], 0.5), "the model answered list, not an array of logits"),  # type: ignore[arg-type]
        (Prediction(LOGITS, None), "a score of type NoneType and logits of float32"),  # type: ignore[arg-type]
        (Prediction(LOGITS > 0, 0.5), "a score of type float and logits of bool"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_answer_ends_its_session(enlist: Any, answer: Any, fault: str) -> None:
    dialogue = Dialogue(goal(), arm(), seed=1)
    lead(enlist(lambda *_: answer), dialogue)
    assert dialogue.turns == []
    assert dialogue.error.endswith(fault)


def test_users_err_without_a_change_to_what_others_of_the_turn_say(enlist: Any) -> None:
    click = CLICK | {"place": "uniform"}
    jitter = [{"apply": "jitter", "low": 0, "high": 3}]
    said = []
    for imperfect in ([], jitter):
        dialogue = Dialogue(goal(), arm(first=[BOX | {"imperfect": imperfect}, click], later=[], turns=1), seed=1)
        lead(enlist(growing), dialogue)
        said.append(dialogue.turns[0].prompts)
    assert said[0][0] != said[1][0]
    assert said[0][1] == said[1][1]


def test_only_a_model_that_sees_the_truth_is_shown_it(enlist: Any) -> None:
    for sees_truth in (True, False):
        puppet = enlist(growing)
        lead(puppet, Dialogue(goal(), arm(turns=1, later=[]), seed=1), sees_truth=sees_truth)
        shown = [prompt for prompt in puppet.asked[0][0] if isinstance(prompt, MaskPrompt)]
        assert len(shown) == sees_truth
        for prompt in shown:
            np.testing.assert_array_equal(prompt.logits > 0, TRUTH)


def test_prompts_do_not_depend_on_who_else_is_asked(enlist: Any) -> None:
    alone, beside = (Dialogue(goal(), arm(), seed=3) for _ in range(2))
    lead(enlist(growing), alone)
    lead(enlist(growing), Dialogue(goal(), arm(name="another"), seed=3), beside)
    assert [turn.prompts for turn in alone.turns] == [turn.prompts for turn in beside.turns]
