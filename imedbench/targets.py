"""The vocabulary of targets: one display name for all the names that data sets give the same structure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import product
from typing import Any, Literal, Self

Side = Literal["left", "right", ""]
OTHER = "other"
"""The group of every name outside the vocabulary."""
SIDES: dict[str, Side] = {
    "left": "left",
    "l": "left",
    "lt": "left",
    "right": "right",
    "r": "right",
    "rt": "right",
}
FILLERS = frozenset({"of", "the"})


@dataclass(frozen=True, slots=True)
class Target:
    """A structure that can be segmented."""

    name: str
    """For display, with its side: ``left kidney``."""
    group: str
    """abdomen, head_neck, skeleton, thorax, pelvis, lesion, or other."""
    side: Side = ""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All targets, and the way from any spelling of a name to its target."""

    targets: tuple[Target, ...]
    """The 204 of the paper, in the order of its table."""
    _known: Mapping[tuple[str, ...], Target]
    _outside: Mapping[tuple[str, ...], Target]
    _spellings: Mapping[str, str]

    @classmethod
    @cache
    def load(cls) -> Self:
        """The vocabulary of ``targets.yaml``; read once."""
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        table = yaml.load(files("imedbench").joinpath("targets.yaml").read_bytes(), loader)
        spellings: dict[str, str] = table["spellings"]
        known: dict[tuple[str, ...], Target] = {}
        outside: dict[tuple[str, ...], Target] = {}
        counted: list[Target] = []
        for group, entries in table["groups"].items():
            for name, entry in entries.items():
                counted.extend(_counted(name, group, entry))
                _enter(known, spellings, _spoken(name, group, entry))
        for name, entry in table["outside"].items():
            _enter(outside, spellings, _spoken(name, OTHER, entry))
        return cls(tuple(counted), known, outside, spellings)

    def resolve(self, name: str) -> Target | None:
        """The target that a name stands for, whatever its case, separators, plural, or the place of its side.

        A sided target without a side ("hippocampus") and its parts ("anterior hippocampus") resolve too, though they
        are not among the 204. None for a name outside the vocabulary.
        """
        return self._known.get(_key(name, self._spellings))

    def place(self, name: str) -> Target:
        """`resolve`, and for a name outside the vocabulary a target of the group "other", in lower case.

        Synonyms are merged there too: "pulmonary nodule" is "lung nodule".
        """
        key = _key(name, self._spellings)
        return self._known.get(key) or self._outside.get(key) or Target(_plain(name), OTHER)


def _counted(name: str, group: str, entry: Mapping[str, Any]) -> Iterator[Target]:
    """The targets of the 204 that an entry stands for."""
    numbers = entry.get("numbers", [""])
    if entry.get("whole") or not entry.get("sides"):
        yield from (_target(name, group, "", number) for number in numbers)
    if entry.get("sides"):
        yield from (_target(name, group, side, number) for side in ("left", "right") for number in numbers)


def _spoken(name: str, group: str, entry: Mapping[str, Any]) -> Iterator[tuple[str, Target]]:
    """Every way to say an entry, with the target that is meant; sides are written in front."""
    sides: list[Side] = ["", "left", "right"] if entry.get("sides") else [""]
    for number, part, side in product(["", *entry.get("numbers", [])], ["", *entry.get("parts", [])], sides):
        meant = _target(f"{part} {name}".strip(), group, side, number)
        for said in (name, *entry.get("synonyms", [])):
            yield f"{side} {part} {said} {number}", meant
        if number and not entry.get("sides"):
            yield str(number), meant


def _target(name: str, group: str, side: Side, number: str | int) -> Target:
    return Target(" ".join(str(word) for word in (side, name, number) if word != ""), group, side)


def _enter(
    table: dict[tuple[str, ...], Target], spellings: Mapping[str, str], spoken: Iterable[tuple[str, Target]]
) -> None:
    for said, target in spoken:
        meant = table.setdefault(_key(said, spellings), target)
        if meant != target:
            message = f"targets.yaml: {said!r} means both {meant.name!r} and {target.name!r}"
            raise ValueError(message)


def _plain(name: str) -> str:
    """Words in lower case with one space between; a capital inside a word begins a new one."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return " ".join(re.findall(r"[^\W_]+", apart.lower()))


def _key(name: str, spellings: Mapping[str, str]) -> tuple[str, ...]:
    """What two spellings of one name have in common: its words, singular, sorted."""
    words = [SIDES.get(word, word) for word in _plain(name).split() if word not in FILLERS]
    return tuple(sorted(_singular(spellings.get(word, word), spellings) for word in words))


def _singular(word: str, spellings: Mapping[str, str]) -> str:
    """Without a plural ending; applied to both sides of a comparison, so that "pancrea" does no harm."""
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-3] + "y" if word.endswith("ies") else word[:-1]
    return spellings.get(word, word)
