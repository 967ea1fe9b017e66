import numpy as np
import pytest

from imedbench.metrics.effort import CORNER_TO_CORNER, EXTREME_CLICKING, Effort, effort_of
from imedbench.types import Box, Click, MaskPrompt, Scribble, Text

MODEL = EXTREME_CLICKING
LINE = Scribble(np.array([[4, 0, column] for column in range(21)], np.int32))


def test_clicks_of_a_turn() -> None:
    effort = effort_of([Click((3, 4)), Click((5, 6), inside=False), Click((7, 8))], (1, 1))
    assert effort == Effort(clicks=3, seconds=pytest.approx(2.4 + 2 * 0.9))


def test_a_box() -> None:
    box = Box((1, 2), (8, 9))
    assert effort_of([box], (1, 1)) == Effort(corners=2, seconds=7.0)
    assert effort_of([box], (1, 1), CORNER_TO_CORNER).seconds == 35


def test_a_stroke_is_paid_by_its_length_at_life_size() -> None:
    effort = effort_of([LINE], (5, 1, 0.5))
    assert effort.scribble_mm == pytest.approx(10)
    assert effort.seconds == pytest.approx(MODEL.stroke_s + MODEL.stroke_s_per_cm * 1)
    assert effort.slices == 1


def test_text_costs_its_words_and_an_earlier_mask_nothing() -> None:
    words = effort_of([Text("A segmentation area of a liver.")], (1, 1))
    assert words == Effort(seconds=pytest.approx(6 * MODEL.word_s))
    assert effort_of([MaskPrompt(np.zeros((4, 4), np.float32))], (1, 1)) == Effort()
    assert effort_of([], (1, 1, 1)) == Effort()


def test_every_slice_that_was_prompted_is_charged() -> None:
    boxes = [Box((z, 1, 1), (z + 1, 5, 5)) for z in range(40)]
    effort = effort_of(boxes, (3, 1, 1))
    assert (effort.corners, effort.slices) == (80, 40)
    assert effort.seconds == pytest.approx(40 * MODEL.box_s + 39 * MODEL.slice_s)
    assert effort.per_slice.corners == 2
    assert effort.per_slice.slices == 1
    assert effort.per_slice.seconds == pytest.approx(effort.seconds / 40)


def test_slices_are_those_where_something_was_put() -> None:
    assert effort_of([Box((3, 1, 1), (9, 5, 5))], (1, 1, 1)).slices == 2
    assert effort_of([Click((4, 0, 0)), Click((4.4, 9, 9)), LINE], (1, 1, 1)).slices == 1
    assert effort_of([Click((4, 0, 0)), Click((5, 9, 9)), LINE], (1, 1, 1)).slices == 2


def test_efforts_add_up() -> None:
    first, second = effort_of([Click((1, 1, 1))], (1, 1, 1)), effort_of([LINE], (1, 1, 1))
    both = first + second
    assert (both.clicks, both.scribble_mm, both.slices) == (1, 20, 2)
    assert both.seconds == first.seconds + second.seconds


def test_two_dimensions_have_no_slices() -> None:
    effort = effort_of([Click((1, 1))], (1, 1))
    assert effort.slices == 0
    assert effort.per_slice == effort
