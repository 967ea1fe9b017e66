"""Path patterns with variables, such as ``labels/{study}_{target}.nii.gz``, and the files that fit them.

A variable never crosses a ``/``. ``{study}``, ``{patient}`` and ``{session}`` take as many characters as they can,
``{target}`` and ``{any}`` as few; ``{instance}``, ``{n}``, ``{h}`` and ``{w}`` take digits. A variable that stands
twice must stand for the same text both times (``{any}`` need not). Where the studies are known already, ``{study}`` is
the longest of them that fits, so that ``masks/{study}_{target}_{instance}.png`` is clear even where names hold ``_``.
A pattern that ends in ``/`` means folders, each a DICOM series.
"""

import os
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from imedbench.errors import BadRecipe, printable

TEXT = {"study": "[^/]+", "patient": "[^/]+", "session": "[^/]+", "target": "[^/]+?", "any": "[^/]+?"}
DIGITS = ("instance", "n", "h", "w")
KINDS = TEXT | dict.fromkeys(DIGITS, "[0-9]+")
HIDDEN = re.compile(r"^\.(?!$)|^(Thumbs\.db|__MACOSX)$")
Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """A file or folder that fits a pattern."""

    path: str
    """Below the source folder, with ``/``."""
    values: Values
    """What each variable stood for."""


@dataclass(slots=True)
class Tree:
    """The folders below a source, each listed once, when it is needed."""

    root: Path
    failures: dict[str, str] = field(default_factory=dict)
    """Folder to the reason why it could not be listed."""
    _listed: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def names(self, folder: str) -> tuple[str, ...]:
        """The names in a folder, sorted, hidden ones and the archives' droppings left out."""
        if folder not in self._listed:
            try:
                names = os.listdir(self.root / folder)  # noqa: PTH208 - names alone, with undecodable bytes kept
            except NotADirectoryError:
                names = []
            except OSError as problem:
                self.failures[folder] = problem.strerror or "unreadable"
                names = []
            self._listed[folder] = tuple(sorted(name for name in names if not HIDDEN.search(name)))
        return self._listed[folder]

    def matches(self, pattern: str, studies: Container[str] | None = None) -> Iterator[Found]:
        """All that fits the pattern, in the order of the paths.

        Args:
            pattern: below the root.
            studies: where given, the values that ``{study}`` may have.
        """
        folders = pattern.endswith("/")
        steps = [step for step in pattern.split("/") if step not in {"", "."}]
        for found in self._below(Found("", {}), steps, studies):
            if not folders or (self.root / found.path).is_dir():
                yield found

    def _below(self, found: Found, steps: list[str], studies: Container[str] | None) -> Iterator[Found]:
        if not steps:
            yield found
            return
        for name, values in self._step(found, steps[0], studies):
            path = f"{found.path}/{name}" if found.path else name
            yield from self._below(Found(path, values), steps[1:], studies)

    def _step(self, found: Found, step: str, studies: Container[str] | None) -> Iterator[tuple[str, Values]]:
        if step == "..":
            message = f"{printable(self.root)}: a pattern stays below the source folder; remove the '..'."
            raise BadRecipe(message)
        if "{" not in step:
            yield from ((name, found.values) for name in self.names(found.path) if name == step)
            return
        for name in self.names(found.path):
            values = match_name(name, step, found.values, studies)
            if values is not None:
                yield name, {**found.values, **values}


def variables(pattern: str) -> list[str]:
    """The variables of a pattern, in order.

    Raises:
        BadRecipe: one is unknown, or a brace is not closed.
    """
    names = re.findall(r"\{([^{}]*)\}", pattern)
    unknown = [name for name in names if name not in KINDS]
    if unknown or re.search(r"[{}]", re.sub(r"\{[^{}]*\}", "", pattern)):
        fact = f"{{{unknown[0]}}} is no variable" if unknown else "a brace is not closed"
        message = f"pattern {pattern!r}: {fact}; there are {', '.join(f'{{{name}}}' for name in KINDS)}."
        raise BadRecipe(message)
    return names


def match_name(name: str, step: str, bound: Values, studies: Container[str] | None = None) -> Values | None:
    """What the variables of one step of a pattern stand for in a name; None where it does not fit.

    Args:
        name: of a file or folder.
        step: the part of a pattern between two slashes.
        bound: variables that are known from the steps before.
        studies: where given, the values that ``{study}`` may have; the longest that fits is taken.
    """
    if studies is None or "{study}" not in step or "study" in bound:
        return _fit(name, step, bound)
    head, tail = step.split("{study}", 1)
    for start in _starts(name, head, bound):
        # Longest first: `amos_1` must not take the masks of `amos_1_2`.
        for end in range(len(name), start, -1):
            if name[start:end] not in studies:
                continue
            study = {**bound, "study": name[start:end]}
            before, after = _fit(name[:start], head, study), _fit(name[end:], tail, study)
            if before is not None and after is not None:
                return {"study": name[start:end], **before, **after}
    return None


def _starts(name: str, head: str, bound: Values) -> range:
    """Where ``{study}`` may begin: at one place after plain text, anywhere after another variable."""
    if "{" in head:
        return range(len(name))
    return range(len(head), len(head) + 1) if name.startswith(head) else range(0)


def _fit(name: str, step: str, bound: Values) -> Values | None:
    used = tuple((key, bound[key]) for key in KINDS if key != "any" and key in bound and f"{{{key}}}" in step)
    found = _expression(step, used).fullmatch(name)
    return found.groupdict() if found else None


@lru_cache(4096)
def _expression(step: str, bound: tuple[tuple[str, str], ...]) -> re.Pattern[str]:
    known = dict(bound)
    seen: set[str] = set()
    parts = []
    for text, name in re.findall(r"([^{}]+)|\{([^{}]*)\}", step):
        if text:
            parts.append(re.escape(text))
        elif name in known:
            parts.append(re.escape(known[name]))
        elif name == "any":
            parts.append(KINDS[name])
        elif name in seen:
            parts.append(f"(?P={name})")
        else:
            seen.add(name)
            parts.append(f"(?P<{name}>{KINDS[name]})")
    return re.compile("".join(parts), re.DOTALL)
