import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from imedbench.errors import BadSubmission
from imedbench.submission.about import About, refuse_tricks


def test_text_is_one_line_in_composed_form() -> None:
    assert About(name="  Cafe\u0301  ").name == "Café"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "a\nb",
        "a\x00b",
        "a\u202eb",
        "a\u200bb",
        "\ufeffa",
        "a\ue000",
        "a\u2028b",
        "Z" + "\u0351" * 9,
        "a" * 61,
    ],
)
def test_names_that_play_tricks(name: str) -> None:
    with pytest.raises(ValidationError):
        About(name=name)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "'; DROP TABLE submissions; --", "模型", "Ümläut 3D"])
def test_names_that_are_only_text(name: str) -> None:
    assert About(name=name).name == name


@pytest.mark.parametrize("code", ["javascript:alert(1)", "ftp://x", "https://a b", 'https://a"onload', "//evil"])
def test_addresses_that_are_none(code: str) -> None:
    with pytest.raises(ValidationError):
        About(name="x", code=code)


def test_more_than_is_asked_for() -> None:
    with pytest.raises(ValidationError):
        About.model_validate({"name": "x", "verified": True})


def test_lines_where_they_may_be() -> None:
    refuse_tricks("a\n\tb", "the card", multiline=True)
    with pytest.raises(BadSubmission, match=r"the card: holds control characters \(U\+000D\)"):
        refuse_tricks("a\r\n", "the card", multiline=True)


@given(st.text(max_size=80))
def test_any_text_is_shown_as_it_is_or_refused(text: str) -> None:
    try:
        name = About(name=text).name
    except ValidationError:
        return
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") for character in name)
    assert About(name=name).name == name


def test_what_the_card_says() -> None:
    card = {"name": "x", "summary": "y" * 500, "licence": "Apache-2.0", "prompts": ["click"]}
    assert About.of_card(card) == About(name="x", summary="y" * 300, licence="Apache-2.0")
