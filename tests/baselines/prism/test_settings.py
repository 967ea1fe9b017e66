from typing import Any

import pytest

from baselines.prism.settings import Settings


def test_the_published_network() -> None:
    settings = Settings()
    assert (settings.size, settings.grid, settings.candidates, settings.refine) == (128, 8, 3, True)
    assert (settings.relative, settings.padding, settings.dense) == ("published", "seen", "published")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"size": 100}, "size is 100, which is no multiple of 16"),
        ({"depth": 6}, "depth is 6, which is no multiple of 4"),
        ({"width": 770}, "width is 770, which is no multiple of 12"),
        ({"embedding": 100}, "embedding is 100, which is no multiple of 48"),
        ({"size": 256, "padding": "none"}, "windows of 14 do not fill a grid of 16"),
        ({"candidates": 2}, "candidates"),
        ({"sides": "left"}, "sides"),
        ({"colour": 3}, "colour"),
    ],
)
def test_what_cannot_be_built(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises((ValueError, TypeError), match=why):
        Settings(**wrong)
