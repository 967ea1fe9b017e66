"""Propagation, with a 2-D model whose answers are known: the part of the bright object that its prompts touch."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from imedbench.models.base import Card, Model, Session
from imedbench.models.oracle import ORACLE
from imedbench.models.slicewise import OUTSIDE, Slicewise
from imedbench.types import Array, Box, Click, Image, Mask, MaskPrompt, Prediction, Prompt, Text

GRID = (12, 20, 24)


class Flood:
    """Answers the bright components with an inside click, or within a box; an outside click empties the answer."""

    def __init__(self, dimensions: tuple[int, ...] = (2,)) -> None:
        self.card: Card = replace(ORACLE, name="flood", dimensions=dimensions, sees_truth=False)
        self.started: list[Array] = []
        self.asked: list[list[list[Prompt]]] = []
        self.previous: list[list[Prediction | None]] = []

    def start(self, image: Image) -> "FloodSession":
        self.started.append(image.voxels)
        return FloodSession(self, image.voxels)


class FloodSession:
    def __init__(self, model: Flood, voxels: Array) -> None:
        self.model = model
        self.parts, _ = ndimage.label(voxels > 128)

    def predict(self, prompts: Sequence[Prompt], previous: Prediction | None = None) -> Prediction:
        return self.predict_many([prompts], [previous])[0]

    def predict_many(
        self, prompts: Sequence[Sequence[Prompt]], previous: Sequence[Prediction | None] | None = None
    ) -> list[Prediction]:
        self.model.asked.append([list(each) for each in prompts])
        self.model.previous.append(list(previous or [None] * len(prompts)))
        return [self.answer(each) for each in prompts]

    def answer(self, prompts: Sequence[Prompt]) -> Prediction:
        guess = np.zeros(self.parts.shape, bool)
        for prompt in prompts:
            if isinstance(prompt, Click) and prompt.inside:
                guess |= (self.parts == self.parts[tuple(int(at) for at in prompt.at)]) & (self.parts > 0)
            elif isinstance(prompt, Click):
                guess[:] = False
            elif isinstance(prompt, Box):
                box = tuple(slice(int(low), int(high)) for low, high in zip(prompt.low, prompt.high, strict=True))
                guess[box] |= self.parts[box] > 0
        return Prediction(np.where(guess, 3, -3).astype(np.float32), 0.8, memory=len(prompts))


def tube() -> tuple[Image, Mask]:
    """An object on slices 2 to 9 that drifts by a voxel a slice, and another one far from it."""
    depth, rows, columns = np.mgrid[: GRID[0], : GRID[1], : GRID[2]]
    truth = (np.abs(rows - 4 - depth) <= 3) & (np.abs(columns - 6) <= 3) & (depth >= 2) & (depth <= 9)
    other = (np.abs(rows - 10) <= 4) & (columns >= 18)
    voxels = ((truth | other) * 255).astype(np.uint8)
    return Image(voxels, (3.0, 1.0, 1.0), np.eye(4), "ct"), truth


def box_on(truth: Mask, *indices: int) -> Box:
    """The tight box of some slices together."""
    places = np.argwhere(truth[list(indices)])
    low, high = places.min(0), places.max(0) + 1
    return Box((float(min(indices)), *map(float, low[1:])), (float(max(indices) + 1), *map(float, high[1:])))


def click_on(index: int, inside: bool = True) -> Click:
    return Click((float(index), float(4 + index), 6.0), inside)


def guess_of(answer: Prediction) -> Mask:
    return answer.logits > 0


def test_keeps_the_protocols() -> None:
    model = Slicewise(Flood())
    assert isinstance(model, Model)
    assert isinstance(model.start(tube()[0]), Session)
    assert model.card.name == "flood-slicewise-box"
    assert model.card.dimensions == (3,)


@pytest.mark.parametrize(("propagate", "prompt"), [("box", box_on(tube()[1], 5)), ("point", click_on(5))])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_one_prompted_slice_finds_the_object(propagate: Any, prompt: Prompt, axis: int) -> None:
    image, truth = tube()
    order = {0: (0, 1, 2), 1: (1, 0, 2), 2: (1, 2, 0)}[axis]
    turned = replace(image, voxels=image.voxels.transpose(order), spacing_mm=(1.0,) * 3)
    if isinstance(prompt, Click):
        prompt = Click(tuple(prompt.at[each] for each in order))
    elif isinstance(prompt, Box):
        prompt = Box(tuple(prompt.low[each] for each in order), tuple(prompt.high[each] for each in order))
    answer = Slicewise(Flood(), propagate, axis=axis).start(turned).predict([prompt])
    np.testing.assert_array_equal(guess_of(answer), truth.transpose(order))
    assert answer.score == pytest.approx(0.8)
    assert answer.logits.dtype == np.float32
    assert answer.logits[truth.transpose(order)].tolist() == [3.0] * int(truth.sum())


def test_none_segments_prompted_slices_only() -> None:
    image, truth = tube()
    answer = Slicewise(Flood(), "none").start(image).predict([click_on(5), click_on(7)])
    expected = np.zeros(GRID, bool)
    expected[[5, 7]] = truth[[5, 7]]
    np.testing.assert_array_equal(guess_of(answer), expected)
    assert (answer.logits[6] == OUTSIDE).all()


def test_without_a_margin_a_moving_object_is_cut() -> None:
    image, truth = tube()
    answer = Slicewise(Flood(), "box", margin=0, least_overlap=0.0).start(image).predict([box_on(truth, 5)])
    assert (guess_of(answer) <= truth).all()
    assert guess_of(answer)[9].sum() == 0.5 * (truth[9].sum() - 7)


def test_a_slice_belongs_to_the_nearest_prompted_one() -> None:
    model = Flood()
    image, _ = tube()
    Slicewise(model, "point").start(image).predict([click_on(3), click_on(8)])
    # Upwards from 3 to the half, 5, and from 8 to the end; downwards from 3, and from 8 to 6.
    assert len(model.asked) == 2 + (2 + 2) + (2 + 2)


def test_an_answer_that_jumps_ends_the_target() -> None:
    image, truth = tube()
    voxels = image.voxels.copy()
    voxels[7] = 255
    grown = replace(image, voxels=voxels)
    reached = {
        least: guess_of(Slicewise(Flood(), "point", least_overlap=least).start(grown).predict([click_on(4)]))
        for least in (0.0, 0.3)
    }
    assert reached[0.0][7].all()
    assert not reached[0.3][7:].any()
    np.testing.assert_array_equal(reached[0.3][:7], truth[:7])


def test_a_box_through_slices_confines_the_target() -> None:
    image, truth = tube()
    model = Flood()
    answer = Slicewise(model, "box").start(image).predict([box_on(truth, 4, 5, 6)])
    expected = truth.copy()
    expected[:4] = expected[7:] = False
    np.testing.assert_array_equal(guess_of(answer), expected)
    assert len(model.asked) == 3


def test_targets_share_a_batch_and_slices_are_encoded_once() -> None:
    image, _ = tube()
    model = Flood()
    session = Slicewise(model, "point").start(image)
    other = Click((5.0, 10.0, 20.0))
    together = session.predict_many([[click_on(5)], [other]])
    assert model.asked[0] == [[Click((10.0, 17.0))], [Click((9.0, 3.0))]]
    assert len(model.started) == GRID[0]
    for answer, prompt in zip(together, (click_on(5), other), strict=True):
        np.testing.assert_array_equal(answer.logits, session.predict([prompt]).logits)
    assert len(model.started) == GRID[0]


def test_no_more_than_so_many_slices_are_kept() -> None:
    image, _ = tube()
    model = Flood()
    session = Slicewise(model, "point", kept=2).start(image)
    session.predict([click_on(5)])
    # As many as were asked: the sweeps pass each slice once, and only ever need the one that they ask.
    assert len(model.started) == 10
    assert len(session._encoded) == 2


def test_a_correction_runs_again_only_what_it_concerns() -> None:
    image, truth = tube()
    model = Flood()
    session = Slicewise(model, "point").start(image)
    first = session.predict([click_on(3)])
    before = first.logits.copy()
    model.asked.clear()
    model.previous.clear()
    second = session.predict([click_on(3), click_on(8)], first)
    # 8 itself with its last answer, 9 and beyond, down to 6.
    assert len(model.asked) == 1 + 2 + 2
    assert model.previous[0][0] is not None
    assert model.previous[0][0].memory == 1
    np.testing.assert_array_equal(first.logits, before)
    np.testing.assert_array_equal(guess_of(second), truth)
    model.asked.clear()
    again = session.predict([click_on(3), click_on(8)], second)
    assert model.asked == []
    np.testing.assert_array_equal(again.logits, second.logits)


def test_protocols_that_give_the_latest_prompts_only_keep_the_rest() -> None:
    image, _ = tube()
    session = Slicewise(Flood(), "none").start(image)
    answer = session.predict([click_on(8)], session.predict([click_on(3)]))
    assert np.flatnonzero(guess_of(answer).any((1, 2))).tolist() == [3, 8]


def test_a_slice_that_a_user_empties_ends_the_target() -> None:
    image, truth = tube()
    session = Slicewise(Flood(), "point").start(image)
    prompts = [click_on(4)]
    answer = session.predict(prompts)
    answer = session.predict([*prompts, click_on(7, inside=False)], answer)
    expected = truth.copy()
    expected[7:] = False
    # What lies between it and the prompted slice stays.
    np.testing.assert_array_equal(guess_of(answer), expected)


def test_what_an_emptied_slice_had_carried_is_its_neighbours() -> None:
    image, truth = tube()
    model = Flood()
    session = Slicewise(model, "point").start(image)
    prompts = [click_on(3), click_on(6), click_on(9)]
    answer = session.predict(prompts)
    model.asked.clear()
    answer = session.predict([*prompts, click_on(6, inside=False)], answer)
    # 6 itself, then 4 and 5 from 3, and 8 and 7 from 9.
    assert len(model.asked) == 5
    expected = truth.copy()
    expected[6] = False
    np.testing.assert_array_equal(guess_of(answer), expected)


def test_nothing_found_scores_zero() -> None:
    image, _ = tube()
    answer = Slicewise(Flood(), "point").start(image).predict([Click((0.0, 0.0, 0.0))])
    assert not guess_of(answer).any()
    assert answer.score == 0.0


def test_a_mask_asks_every_slice_it_meets_and_words_all() -> None:
    image, truth = tube()
    for prompt, count in ((MaskPrompt(np.where(truth, 1, -1).astype(np.float32)), 8), (Text("tube"), 12)):
        model = Flood()
        Slicewise(model, "none").start(image).predict([prompt])
        assert len(model.asked) == count
        assert type(model.asked[0][0][0]) is type(prompt)


def test_what_does_not_fit_is_refused() -> None:
    image, _ = tube()
    with pytest.raises(ValueError, match="flood takes no 2-D images"):
        Slicewise(Flood((3,)))
    clicker, boxer = Flood(), Flood()
    clicker.card = replace(clicker.card, prompts=("click",))
    boxer.card = replace(boxer.card, prompts=("box",))
    with pytest.raises(ValueError, match="flood takes no box and cannot be carried by one"):
        Slicewise(clicker, "box")
    with pytest.raises(ValueError, match="flood-slicewise-box takes box prompts, not click"):
        Slicewise(boxer, "box").start(image).predict([click_on(5)])
    with pytest.raises(ValueError, match="flood-slicewise-box takes 3-D images, not 2-D"):
        Slicewise(boxer).start(Image(np.zeros((4, 4), np.uint8), (1.0, 1.0), np.eye(4), "ct"))
