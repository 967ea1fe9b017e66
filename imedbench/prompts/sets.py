"""Named sets of imperfections: what `--prompts` names, hashed into every report."""

import hashlib
import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from imedbench.errors import BadProtocol, UnknownName, printable
from imedbench.prompts.base import AnyImperfection, Imperfection, Settings, Simulator
from imedbench.prompts.imperfect import within_the_slice


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


def list_sets() -> list[str]:
    """The names of the sets that ship with the project."""
    folder = files("imedbench.prompts").joinpath("sets")
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


@cache
def load_set(name: str) -> PromptSet:
    """The set of this name, or of a YAML file.

    Raises:
        UnknownName: no set has this name, and there is no such file.
        BadProtocol: the file is not a set of imperfections; the message names the field.
    """
    return _parse(set_text(name), name if name in list_sets() else printable(name))


def set_text(name: str) -> bytes:
    """The YAML of the set of this name, or of a file, unread.

    Raises:
        UnknownName: no set has this name, and there is no such file.
    """
    if name in list_sets():
        return files("imedbench.prompts").joinpath("sets", f"{name}.yaml").read_bytes()
    path = Path(name)
    if not path.is_file():
        kind = "set of prompts"
        raise UnknownName(kind, name, list_sets())
    return path.read_bytes()


def _parse(text: bytes, where: str) -> PromptSet:
    import yaml

    try:
        written: Any = yaml.safe_load(text)
        return PromptSet.model_validate(written)
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        message = f"{where}: is not YAML ({problem}); correct it."
        raise BadProtocol(message) from problem
    except UnknownName as problem:
        message = f"{where}: {problem}; correct it."
        raise BadProtocol(message) from problem
    except ValidationError as problem:
        first = problem.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole"
        message = f"{where}: {field}: {first['msg']}; correct it."
        raise BadProtocol(message) from problem
