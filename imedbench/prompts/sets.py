"""Named sets of imperfections: what `--prompts` names, hashed into every report."""

import hashlib
import json
from functools import cache

from pydantic import Field

from imedbench.prompts.base import AnyImperfection, Imperfection, Settings, Simulator
from imedbench.prompts.imperfect import within_the_slice
from imedbench.prompts.shelf import Shelf


class PromptSet(Settings):
    """Imperfections by kind of prompt, which any simulated user's prompts get after its own."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    summary: str
    source: str
    """The publication or the measurement that the numbers are from."""
    click: tuple[AnyImperfection, ...] = ()
    box: tuple[AnyImperfection, ...] = ()
    scribble: tuple[AnyImperfection, ...] = ()
    mask: tuple[AnyImperfection, ...] = ()
    text: tuple[AnyImperfection, ...] = ()

    def digest(self) -> str:
        """SHA-256 of everything that bears on results, as canonical JSON; name and texts do not count."""
        fields = self.model_dump(mode="json", exclude={"name", "summary", "source"})
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()

    def spoil(self, simulator: Simulator) -> Simulator:
        """The same user with these imperfections after its own; a user who works by slice errs within the slice."""
        kind = str(getattr(simulator, "simulate"))  # noqa: B009
        imperfections: tuple[Imperfection, ...] = getattr(self, kind)
        if getattr(simulator, "slices", "volume") != "volume":
            imperfections = tuple(within_the_slice(one) for one in imperfections)
        return simulator.spoiled(imperfections)


_SETS = Shelf("set of prompts", "imedbench.prompts", "sets", PromptSet)


def list_sets() -> list[str]:
    """The names of the sets that ship with the project."""
    return _SETS.names()


@cache
def load_set(name: str) -> PromptSet:
    """The set of this name, or of a YAML file.

    Raises:
        UnknownName: no set has this name, and there is no such file.
        BadProtocol: the file is not a set of imperfections; the message names the field.
    """
    return _SETS.load(name)


def set_text(name: str) -> bytes:
    """The YAML of the set of this name, or of a file, unread.

    Raises:
        UnknownName: no set has this name, and there is no such file.
    """
    return _SETS.text(name)
