from dataclasses import replace

import numpy as np
import pytest

from imedbench.models.checks import check_dimension, check_prompts, kind_of
from imedbench.models.oracle import ORACLE
from imedbench.types import Box, Click, Image, MaskPrompt, Scribble, Text

PROMPTS = {
    "click": Click((1.0, 1.0)),
    "box": Box((0.0, 0.0), (2.0, 2.0)),
    "scribble": Scribble(np.zeros((1, 2), np.int32)),
    "mask": MaskPrompt(np.zeros((4, 4), np.float32)),
    "text": Text("liver"),
}


def test_every_prompt_has_its_kind() -> None:
    assert {kind_of(prompt): prompt for prompt in PROMPTS.values()} == PROMPTS


def test_a_kind_that_is_not_on_the_card_is_named_with_the_model() -> None:
    card = replace(ORACLE, name="boxer", prompts=("box", "mask"))
    check_prompts(card, [PROMPTS["box"], PROMPTS["mask"]])
    with pytest.raises(ValueError, match="boxer takes box and mask prompts, not text"):
        check_prompts(card, [PROMPTS["box"], PROMPTS["text"]])


def test_a_dimension_that_is_not_on_the_card_is_named_with_the_model() -> None:
    image = Image(np.zeros((2, 3, 4)), (1.0, 1.0, 1.0), np.eye(4), "ct")
    check_dimension(ORACLE, image)
    with pytest.raises(ValueError, match="oracle takes 2-D images, not 3-D"):
        check_dimension(replace(ORACLE, dimensions=(2,)), image)
