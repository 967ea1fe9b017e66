import numpy as np
import pytest

from imedbench.models import load
from imedbench.types import Click, Image, MaskPrompt


@pytest.mark.parametrize("grid", [(5, 7), (3, 5, 7)])
def test_answers_the_last_mask_exactly(grid: tuple[int, ...]) -> None:
    truth, other = np.random.default_rng(0).normal(size=(2, *grid)).astype(np.float32)
    session = load("oracle", device="cpu").start(Image(np.zeros(grid), (1.0,) * len(grid), np.eye(4), "ct"))
    click = Click((1.0,) * len(grid))
    answers = session.predict_many([[MaskPrompt(other), click, MaskPrompt(truth)], [MaskPrompt(other)]])
    np.testing.assert_array_equal(answers[0].logits, truth)
    np.testing.assert_array_equal(answers[1].logits, other)
    assert answers[0].score == 1.0


def test_needs_the_truth() -> None:
    session = load("oracle", device="cpu").start(Image(np.zeros((4, 4)), (1.0, 1.0), np.eye(4), "ct"))
    with pytest.raises(ValueError, match="oracle answers the truth, and was not given it"):
        session.predict([Click((1.0, 1.0))])
    with pytest.raises(ValueError, match=r"a truth of shape \(3, 4\) for an image of \(4, 4\)"):
        session.predict([MaskPrompt(np.zeros((3, 4), np.float32))])
