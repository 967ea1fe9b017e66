"""Settings that ship with the project under their names, one YAML file each, and those in users' own files."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from imedbench.errors import BadProtocol, UnknownName, printable
from imedbench.prompts.base import Settings

Kind = TypeVar("Kind", bound=Settings)


@dataclass(frozen=True, slots=True)
class Shelf(Generic[Kind]):
    """All of one kind."""

    kind: str
    """What an error calls one of them."""
    package: str
    folder: str
    """In the package; its files are called ``name.yaml``."""
    settings: type[Kind]

    def names(self) -> list[str]:
        """Of those that ship with the project."""
        folder = files(self.package).joinpath(self.folder)
        return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))

    def text(self, name: str) -> bytes:
        """The YAML under this name, or of the file at this path, unread.

        Raises:
            UnknownName: nothing has this name, and there is no such file.
        """
        if name in self.names():
            return files(self.package).joinpath(self.folder, f"{name}.yaml").read_bytes()
        path = Path(name)
        if not path.is_file():
            raise UnknownName(self.kind, name, self.names())
        return path.read_bytes()

    def load(self, name: str) -> Kind:
        """The settings under this name, or in the file at this path.

        Raises:
            UnknownName: nothing has this name, and there is no such file.
            BadProtocol: the file does not hold such settings; the message names the field.
        """
        import yaml

        text = self.text(name)
        try:
            written: Any = yaml.safe_load(text)
            return self.settings.model_validate(written)
        except (yaml.YAMLError, UnicodeDecodeError) as problem:
            raise self._bad(name, f"is not YAML ({problem})") from problem
        except UnknownName as problem:
            raise self._bad(name, str(problem)) from problem
        except ValidationError as problem:
            first = problem.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or "the whole"
            raise self._bad(name, f"{field}: {first['msg']}") from problem

    def _bad(self, name: str, fault: str) -> BadProtocol:
        where = name if name in self.names() else printable(name)
        return BadProtocol(f"{where}: {' '.join(fault.split())}; correct it.")
