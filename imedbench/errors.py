"""Every error that imedbench raises on purpose: one sentence that says what, where and what to do."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any


class ImedbenchError(Exception):
    """Base of all errors meant for a person to read; they travel between processes whole."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), str(self), self.__dict__)


def _restore(kind: type[ImedbenchError], message: str, facts: dict[str, Any]) -> ImedbenchError:
    error = kind.__new__(kind, message)
    error.__dict__.update(facts)
    return error


class BadInput(ImedbenchError):
    """A raw file that cannot be used as it is.

    Args:
        path: the file or folder at fault.
        fact: what is wrong with it, in the past or present tense, without a full stop.
        remedy: what the user can do, as an imperative, without a full stop.
    """

    def __init__(self, path: Path | str, fact: str, remedy: str) -> None:
        super().__init__(f"{printable(path)}: {fact}; {remedy}.")
        self.path, self.fact, self.remedy = printable(path), fact, remedy


class BadRecipe(ImedbenchError):
    """A recipe that does not say what it must, or does not fit the folder it is used on."""


class BadStore(ImedbenchError):
    """A store that is damaged, unfinished, or of a format this version does not read."""


class BadProtocol(ImedbenchError):
    """A protocol or a set of prompts that does not say what it must."""


class BadResults(ImedbenchError):
    """A results folder that is damaged, unfinished, of a newer format, or of another run."""


class BadSubmission(ImedbenchError):
    """A bundle that is damaged, hostile, or of a format this version does not read."""


class UnknownName(ImedbenchError):
    """A name that is not in its catalogue; the message lists those that are."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        super().__init__(f"there is no {kind} called {name!r}; there are: {', '.join(sorted(known))}")


class MissingWeights(ImedbenchError):
    """A checkpoint that is not on this machine, or is not the one its card names."""


class Unavailable(ImedbenchError):
    """Something that was asked for and cannot be had here: a device, a scheduler, a folder to write in."""


def printable(path: Path | str) -> str:
    """The path as text that any terminal can show: undecodable bytes appear as escapes."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
