import json

import numpy as np
import pytest

from imedbench.evaluate.written import read_prompts, write_prompts
from imedbench.types import Box, Click, MaskPrompt, Scribble, Text


def test_prompts_come_back() -> None:
    logits = np.full((3, 4, 5), -2, np.float32)
    logits[1, 1:3, 2:] = 3
    stroke = Scribble(np.array([[0, 1, 2], [0, 1, 3]], np.int32), inside=False)
    given = (
        Click((1.0, 2.5, 3.0), inside=False),
        Box((0.0, 1.0, 2.0), (3.0, 4.0, 5.0)),
        stroke,
        MaskPrompt(logits),
        Text("A segmentation area of a liver."),
    )
    back = read_prompts(write_prompts(given))
    assert back[:2] == given[:2]
    assert back[4] == given[4]
    assert isinstance(back[2], Scribble)
    np.testing.assert_array_equal(back[2].voxels, stroke.voxels)
    assert (back[2].voxels.dtype, back[2].inside) == (np.int32, False)
    assert isinstance(back[3], MaskPrompt)
    np.testing.assert_array_equal(back[3].logits > 0, logits > 0)
    assert back[3].logits.dtype == np.float32


def test_the_writing_is_documented() -> None:
    assert json.loads(write_prompts([Click((1.0, 2.0))])) == [{"click": [1.0, 2.0], "inside": True}]
    assert write_prompts(()) == "[]"
    assert read_prompts("[]") == ()


@pytest.mark.parametrize(
    "text", ['[{"clik": [1, 2]}]', '[{"click": 3}]', '{"click": [1, 2]}', "[3]", "[", '[{"box": [[1, 2]]}]']
)
def test_what_is_no_prompt_is_said_so(text: str) -> None:
    with pytest.raises(ValueError, match="not a list of prompts"):
        read_prompts(text)
