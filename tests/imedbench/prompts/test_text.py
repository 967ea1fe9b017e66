import numpy as np
import pytest
from pydantic import ValidationError

from imedbench.prompts.base import Scene
from imedbench.prompts.text import TextUser
from imedbench.types import Text

TRUTH = np.ones((2, 2), np.bool_)


def words(user: TextUser, target: str) -> tuple[object, ...]:
    return user(TRUTH, ~TRUTH, np.random.default_rng(0), Scene(target=target))


def test_the_name_stands_in_a_sentence() -> None:
    assert words(TextUser(), "liver") == (Text("A segmentation area of a liver."),)
    assert words(TextUser(template="{target}"), "Left_kidney - upper  pole ") == (Text("left kidney upper pole"),)
    assert words(TextUser(template="{target}, {x}"), "a}b{") == (Text("a}b{, {x}"),)


def test_nothing_can_be_said_of_what_has_no_name() -> None:
    assert words(TextUser(), " _ ") == ()


def test_a_template_names_the_target() -> None:
    with pytest.raises(ValidationError, match="where the name goes"):
        TextUser(template="the liver")
