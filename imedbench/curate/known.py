"""Errors of the source that others have reported, and what is done about them."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, TypeAdapter, field_validator

from imedbench.curate.classes import Classes, Version


class KnownError(BaseModel):
    """One report about some subjects."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: tuple[str, ...]
    versions: tuple[Version, ...]
    structures: tuple[str, ...]
    """Patterns of names of classes."""
    what: str
    """What is wrong with them, as the rest of a sentence."""
    remedy: Literal["clear", "review"]
    """Whether the structures lose their label, or the subject is only listed."""
    source: str
    """Where it was reported."""

    @field_validator("subject", mode="before")
    @classmethod
    def _several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    def concerns(self, name: str) -> bool:
        """Whether this is about a class."""
        return any(fnmatchcase(name, pattern) for pattern in self.structures)


@cache
def known_errors() -> tuple[KnownError, ...]:
    """All that are known."""
    told = yaml.safe_load(Path(__file__).with_name("known_errors.yaml").read_text("utf-8"))
    return TypeAdapter(tuple[KnownError, ...]).validate_python(told)


def errors_of(subject: str, version: Version) -> list[KnownError]:
    """Those of one subject in one version of the data."""
    return [error for error in known_errors() if subject in error.subject and version in error.versions]


def cleared(labels: NDArray[np.uint8], errors: Sequence[KnownError], classes: Classes) -> NDArray[np.uint8]:
    """Labels (z, y, x) without the structures that are to lose theirs; the same array where there is none."""
    table = np.arange(256, dtype=np.uint8)
    for number, name in enumerate(classes.names, 1):
        if any(error.remedy == "clear" and error.concerns(name) for error in errors):
            table[number] = 0
    if np.array_equal(table, np.arange(256)):
        return labels
    found: NDArray[np.uint8] = table[labels]
    return found
