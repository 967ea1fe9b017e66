"""What a team says of its submission, and what no text of a stranger may hold."""

import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from imedbench.errors import BadSubmission

_REFUSED = {
    "Cc": "control characters",
    "Cf": "invisible characters",
    "Cs": "half characters",
    "Co": "private characters",
    "Cn": "unassigned characters",
}
"""Categories of Unicode that change how other text looks, or look like nothing."""
_LINES = {"\n", "\t"}
_MARKS = 3
"""Combining marks on one letter, at most: more hide the lines above and below."""


def refuse_tricks(text: str, where: str, *, multiline: bool = False) -> None:
    """Refuses text that would not be shown as what it is.

    Args:
        text: from a stranger.
        where: what it is called in the message.
        multiline: whether it may have line ends and tabs.

    Raises:
        BadSubmission: it holds such characters.
    """
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if (category in _REFUSED and not (multiline and character in _LINES)) or category in ("Zl", "Zp"):
            fault = _REFUSED.get(category, "line separators")
            message = f"{where}: holds {fault} (U+{ord(character):04X}); write it without."
            raise BadSubmission(message)
        if marks > _MARKS:
            message = f"{where}: holds more than {_MARKS} marks on one letter; write it without."
            raise BadSubmission(message)


def _plain(text: str) -> str:
    """One line, in composed form, without spaces around it."""
    text = unicodedata.normalize("NFC", text).strip()
    try:
        refuse_tricks(text, "it")
    except BadSubmission as problem:
        raise ValueError(str(problem).removeprefix("it: ").removesuffix(".")) from problem
    return text


def _address(text: str) -> str:
    if text and not text.startswith(("https://", "http://")):
        message = "is no address that begins with https://"
        raise ValueError(message)
    if any(character.isspace() or character in '<>"' for character in text):
        message = "holds characters that no address may"
        raise ValueError(message)
    return text


_Line = Annotated[str, AfterValidator(_plain)]
_Name = Annotated[str, Field(min_length=1, max_length=60), AfterValidator(_plain), Field(min_length=1)]
_Address = Annotated[str, Field(max_length=300), AfterValidator(_plain), AfterValidator(_address)]


class About(BaseModel):
    """Who submits what; all of it is shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    name: _Name
    """Of the model, as tables show it."""
    summary: Annotated[_Line, Field(max_length=300)] = ""
    """One sentence."""
    authors: Annotated[_Line, Field(max_length=300)] = ""
    licence: Annotated[_Line, Field(max_length=60)] = ""
    """Of code and weights."""
    code: _Address = ""
    """Where the code is."""
    paper: _Address = ""

    @classmethod
    def of_card(cls, card: dict[str, Any]) -> "About":
        """What a model's card in the catalogue says."""
        return cls(name=card["name"], summary=card["summary"][:300], licence=card["licence"][:60])
