"""The switches by which the released code and the paper differ, one TOML each: ``released.toml`` and ``paper.toml``."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, PositiveFloat, PositiveInt, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from imedbench.errors import BadInput

Resize = Literal["nearest", "bilinear"]
Spelling = Literal["released", "vocabulary"]

PATCH = 16
"""Pixels of the square, in each direction, that the image encoder makes one position of."""


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Settings:
    """How IMIS-Net is built and fed."""

    side: PositiveInt
    """Of the square that an image is stretched over, in its pixels: a multiple of 16."""
    resize: Resize
    """How it is stretched."""
    encoder_epsilon: PositiveFloat
    """Of the image encoder's layer norms."""
    text_kernel: bool
    """Whether a text also adds a kernel to that of each mask, besides being a token."""
    spelling: Spelling
    """Whose names the targets have in a text prompt."""

    def __post_init__(self) -> None:
        """Refuses a side that is not whole positions.

        Raises:
            ValueError: it is not.
        """
        if self.side % PATCH:
            message = f"side is {self.side}, which is no multiple of {PATCH}"
            raise ValueError(message)

    @property
    def grid(self) -> int:
        """Positions of the encoded square in each direction."""
        return self.side // PATCH


def read_settings(source: Literal["released", "paper"] | Path) -> Settings:
    """The settings of a TOML file of one's own, or of one that comes with this package.

    Raises:
        BadInput: the file is no TOML, or does not hold exactly these settings.
    """
    if isinstance(source, Path):
        path, text = str(source), source.read_text(encoding="utf-8")
    else:
        path = f"{source}.toml"
        text = files("baselines.imis_net").joinpath(path).read_text(encoding="utf-8")
    remedy = "see paper.toml of baselines/imis_net"
    try:
        return TypeAdapter(Settings).validate_python(tomllib.loads(text))
    except tomllib.TOMLDecodeError as problem:
        fact = f"is no TOML ({problem})"
        raise BadInput(path, fact, remedy) from problem
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "settings"
        fact = f"{place}: {first['msg']}"
        raise BadInput(path, fact, remedy) from problem
