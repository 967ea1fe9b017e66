import numpy as np
import pytest

from imedbench.models import load
from imedbench.models.base import Model, Session
from imedbench.types import Array, Box, Click, Image, Mask, MaskPrompt, Prediction, Prompt, Scribble


def picture(kind: str = "uint8") -> tuple[Image, Mask, Mask]:
    """Two discs of one grey on a darker ground, with noise."""
    rows, columns = np.mgrid[:90, :120]
    first = (rows - 40) ** 2 + (columns - 35) ** 2 < 15**2
    second = (rows - 50) ** 2 + (columns - 85) ** 2 < 20**2
    grey = 60 + 90 * (first | second) + np.random.default_rng(0).normal(0, 5, first.shape)
    voxels: Array = grey.astype(np.uint8) if kind == "uint8" else (grey * 8 - 1000).astype(np.float32)
    return Image(voxels, (1.0, 1.0), np.eye(4), "ct"), first, second


def dice(answer: Prediction, truth: Mask) -> float:
    guess = answer.logits > 0
    return float(2 * (guess & truth).sum() / (guess.sum() + truth.sum()))


def started(image: Image) -> Session:
    model = load("threshold", device="cpu")
    assert isinstance(model, Model)
    return model.start(image)


STROKE = Scribble(np.stack([np.full(15, 40), np.arange(28, 43)], 1).astype(np.int32))


@pytest.mark.parametrize("kind", ["uint8", "float32"])
@pytest.mark.parametrize(
    "prompts",
    [
        [Click((40.0, 35.0))],
        [Box((26.0, 21.0), (55.0, 50.0))],
        [STROKE],
        [Box((26.0, 21.0), (55.0, 50.0)), Click((40.0, 35.0)), Click((27.0, 22.0), inside=False)],
    ],
)
def test_finds_the_disc_of_the_prompt(kind: str, prompts: list[Prompt]) -> None:
    image, first, _ = picture(kind)
    answer = started(image).predict(prompts)
    assert dice(answer, first) > 0.8
    assert 0.5 < answer.score <= 1.0
    assert answer.logits.dtype == np.float32


def test_finds_a_ball() -> None:
    depth, rows, columns = np.mgrid[:12, :70, :70]
    ball = 9 * (depth - 6) ** 2 + (rows - 20) ** 2 + (columns - 18) ** 2 < 10**2
    image = Image(
        (ball * 100 + np.random.default_rng(0).normal(0, 9, ball.shape)).astype(np.float32),
        (3.0, 1.0, 1.0),
        np.eye(4),
        "mr",
    )
    session = started(image)
    # The corners of its box see the ring around it.
    for prompt in (Click((6.0, 20.0, 18.0)), Box((3.0, 11.0, 9.0), (10.0, 30.0, 28.0))):
        assert dice(session.predict([prompt]), ball) > 0.75


def test_boxes_confine() -> None:
    image, _, _ = picture()
    guess = started(image).predict([Box((26.0, 21.0), (40.0, 50.0))]).logits > 0
    assert not guess[40:].any()
    assert guess[35, 35]


def test_clicks_are_obeyed_whatever_the_grey() -> None:
    image, _, _ = picture()
    dark, bright = (5.0, 5.0), (50.0, 85.0)
    guess = started(image).predict([Click((40.0, 35.0)), Click(dark), Click(bright, inside=False)]).logits > 0
    assert guess[5, 5]
    assert not guess[50, 85]


def test_a_correction_keeps_what_was_answered() -> None:
    image, first, second = picture()
    session = started(image)
    answer = session.predict([Click((40.0, 35.0))])
    # As in protocols that give only the latest prompt.
    both = session.predict([Click((50.0, 85.0))], answer)
    assert dice(both, first | second) > dice(answer, first | second)
    assert ((both.logits > 0) & first).sum() > 0.8 * first.sum()
    removed = session.predict([Click((50.0, 85.0), inside=False)], both)
    assert dice(removed, first) > dice(both, first)
    given = session.predict([Click((50.0, 85.0)), MaskPrompt(answer.logits)])
    np.testing.assert_array_equal(given.logits, both.logits)


def test_an_empty_earlier_answer_is_no_harm() -> None:
    image, first, _ = picture()
    empty = MaskPrompt(np.full(image.grid, -1, np.float32))
    assert dice(started(image).predict([Click((40.0, 35.0)), empty]), first) > 0.7


def test_the_window_of_an_image_decides() -> None:
    image, first, _ = picture("float32")
    blind = Image(image.voxels, image.spacing_mm, image.affine, "ct", window=(3000.0, 4000.0))
    assert dice(started(blind).predict([Click((40.0, 35.0))]), first) < 0.5


def test_colours_are_averaged() -> None:
    image, _, _ = picture()
    colour = Image(np.repeat(image.voxels[..., None], 3, 2), (1.0, 1.0), np.eye(4), "ct", ("r", "g", "b"))
    one, other = (started(each).predict([Click((40.0, 35.0))]).logits for each in (image, colour))
    np.testing.assert_array_equal(one, other)


def test_nothing_to_go_by_is_refused() -> None:
    with pytest.raises(ValueError, match="threshold needs a prompt"):
        started(picture()[0]).predict([])


def test_a_lone_outside_click_does_not_stop_it() -> None:
    image, _, _ = picture()
    guess = started(image).predict([Click((5.0, 5.0), inside=False)]).logits > 0
    assert not guess[5, 5]
