"""The classes of TotalSegmentator's data, and what each is to the tissues around it."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import yaml
from numpy.typing import NDArray

from imedbench.errors import UnknownName

Role = Literal["bone", "muscle", "apart", "inside"]
Version = Literal["v1", "v2"]
MUSCLE, VISCERAL, SUBCUTANEOUS, INTERMUSCULAR = (
    "skeletal_muscle",
    "visceral_fat",
    "subcutaneous_fat",
    "intermuscular_fat",
)
_KIND = "class"
TISSUES = (MUSCLE, VISCERAL, SUBCUTANEOUS)
"""What TotalSeg++ adds, in the order of their numbers after those of the source."""


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of one version of the data."""

    names: tuple[str, ...]
    """Of the number that is one more than the place here."""
    roles: tuple[Role, ...]

    def of(self, *roles: Role) -> NDArray[np.bool_]:
        """(256,): whether the class of each number is one of these; 0, which is no class, is not."""
        found = np.zeros(256, np.bool_)
        found[1 : 1 + len(self.roles)] = [role in roles for role in self.roles]
        return found

    def like(self, pattern: str) -> NDArray[np.bool_]:
        """(256,): whether the name of each number fits a pattern."""
        found = np.zeros(256, np.bool_)
        found[1 : 1 + len(self.names)] = [fnmatchcase(name, pattern) for name in self.names]
        return found

    def number(self, name: str) -> int:
        """Of a class or a tissue; tissues come after the classes.

        Raises:
            UnknownName: there is none of that name.
        """
        every = self.every
        if name not in every:
            raise UnknownName(_KIND, name, every)
        return every.index(name) + 1

    @property
    def every(self) -> tuple[str, ...]:
        """Classes, then tissues."""
        return (*self.names, *TISSUES)


@cache
def classes(version: Version) -> Classes:
    """Those of a version."""
    told = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))
    patterns = [(role, pattern) for role in get_args(Role) for pattern in told["roles"][role]]
    names = tuple(told["versions"][version])
    roles = tuple(next(role for role, pattern in patterns if fnmatchcase(name, pattern)) for name in names)
    return Classes(names, roles)
