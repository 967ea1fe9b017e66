from typing import Any

import numpy as np
import pytest
import torch

from imedbench.evaluate.guard import Guard
from imedbench.masks import Masks
from imedbench.types import Case, Click, Image, Prediction

IMAGE = Image(np.zeros((4, 5), np.uint8), (1.0, 1.0), np.eye(4), "ct")
CASE = Case("case", IMAGE, Masks.empty((4, 5)), "test", "made", "p", "s")
QUESTIONS = [[Click((0.0, float(column)))] for column in range(5)]


def column(prompts: Any) -> int:
    return int(prompts[0].at[1])


def ask(puppet: Any, guard: Guard) -> list[Prediction | str]:
    session = guard.start(puppet, CASE)
    assert not isinstance(session, str)
    return guard(session, QUESTIONS, [None] * 5)


def test_a_crash_costs_one_session(enlist: Any) -> None:
    def answer(grid: Any, prompts: Any, previous: Any) -> Prediction:
        if column(prompts) == 3:
            raise RuntimeError("no thirds\nand more lines")
        return Prediction(np.zeros(grid, np.float32), column(prompts) / 10)

    guard = Guard()
    answers = ask(enlist(answer), guard)
    assert answers[3] == "RuntimeError: no thirds"
    assert [each.score for each in answers if isinstance(each, Prediction)] == [0.0, 0.1, 0.2, 0.4]
    assert guard.notes == []


@pytest.mark.parametrize("kind", [MemoryError, torch.OutOfMemoryError])
def test_a_full_memory_halves_the_batch_for_good(enlist: Any, kind: type[Exception]) -> None:
    puppet = enlist(lambda grid, prompts, previous: Prediction(np.zeros(grid, np.float32), column(prompts) / 10))
    whole = puppet.predict_many

    def cramped(prompts: Any, previous: Any) -> list[Prediction]:
        if len(prompts) > 2:
            raise kind("full")
        answers: list[Prediction] = whole(prompts, previous)
        return answers

    guard = Guard()
    session = guard.start(puppet, CASE)
    session.predict_many = cramped  # type: ignore[union-attr, method-assign]
    for _ in range(2):
        answers = guard(session, QUESTIONS, [None] * 5)  # type: ignore[arg-type]
        assert [each.score for each in answers if isinstance(each, Prediction)] == [0.0, 0.1, 0.2, 0.3, 0.4]
    # Five became three, three two; the second round went on with two.
    assert guard.notes == [
        "out of memory with 5 targets at once; going on with 3",
        "out of memory with 3 targets at once; going on with 2",
    ]


def test_too_few_answers_are_not_taken_for_the_right_ones(enlist: Any) -> None:
    puppet = enlist()
    guard = Guard()
    session = guard.start(puppet, CASE)
    session.predict_many = lambda prompts, previous: []  # type: ignore[union-attr, method-assign]
    assert guard(session, QUESTIONS[:1], [None]) == ["the model gave 0 answers to 1 questions"]  # type: ignore[arg-type]


def test_an_image_that_cannot_be_encoded(enlist: Any) -> None:
    puppet = enlist()

    def start(image: Image) -> Any:
        raise ValueError("too wide")

    puppet.start = start
    assert Guard().start(puppet, CASE) == "ValueError: too wide"
