"""What a training run is told: the part of its TOML file that is the same for every network."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from imedbench.errors import BadInput, UnknownName

Precision = Literal["bf16-mixed", "16-mixed", "32-true"]


class Strict(BaseModel):
    """A value with these fields and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Optimiser(Strict):
    """How weights follow gradients."""

    name: Literal["adamw", "adam"] = "adamw"
    rate: float = Field(gt=0)
    """Learning rate at the top of the schedule."""
    weight_decay: float = Field(default=0.0, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float = Field(default=0.0, ge=0)
    """Norm that the gradient of all weights together is cut to; 0 for none."""
    factors: Mapping[str, float] = {}
    """What the learning rate is multiplied by, for weights whose names begin so; the longest beginning counts."""

    def factor(self, name: str) -> float:
        """What the learning rate of this weight is multiplied by."""
        begin = max((each for each in self.factors if name.startswith(each)), key=len, default="")
        return self.factors.get(begin, 1.0)


class Schedule(Strict):
    """How the learning rate moves, as a factor of `Optimiser.rate`."""

    shape: Literal["constant", "cosine", "linear", "polynomial", "staircase"] = "constant"
    warmup: int = Field(default=0, ge=0)
    """Steps of linear rise at the beginning."""
    first: float = Field(default=0.0, ge=0, le=1)
    """Factor at the first step of the rise."""
    last: float = Field(default=0.0, ge=0, le=1)
    """Factor at the end of a cosine, a line or a polynomial."""
    power: float = Field(default=0.9, gt=0)
    """Of a polynomial."""
    drops: tuple[int, ...] = ()
    """Steps after which a staircase goes down."""
    drop: float = Field(default=0.1, gt=0, lt=1)
    """By what factor."""


class Loop(Strict):
    """How long, how much at once, how exactly."""

    steps: int = Field(gt=0)
    """Batches that the network learns from."""
    batch: int = Field(default=1, gt=0)
    """Images at once on each device."""
    accumulate: int = Field(default=1, gt=0)
    """Batches of this size that a step is made of."""
    update: Literal["end", "first-and-end", "each"] = "end"
    """After which rounds of a step's sessions weights change: the last, also the first, or each."""
    precision: Precision = "bf16-mixed"
    average: float = Field(default=0.0, ge=0, lt=1)
    """Decay of a running average of the weights, which is then what is validated and kept; 0 for none."""
    seed: int = 0
    workers: int = Field(default=2, ge=0)
    """Processes that read samples, for each device; 0 reads in the loop's own. Results do not depend on it."""
    checkpoint_every: int = Field(default=500, gt=0)
    """Steps."""
    log_every: int = Field(default=20, gt=0)
    """Steps; losses are fetched from the device only then."""
    compile: bool = False
    """Whether the network is compiled by torch."""

    @model_validator(mode="after")
    def _sums_up(self) -> "Loop":
        if self.accumulate > 1 and self.update != "end":
            message = "accumulate needs update = 'end': a step of several batches changes weights once"
            raise ValueError(message)
        return self


class Validation(Strict):
    """How the network is looked at on the way: as `imedbench eval` would."""

    every: int = Field(default=0, ge=0)
    """Steps; 0 for never."""
    protocol: str = "single"
    prompts: str = "perfect"
    split: Literal["test", "train", "reserve", "external", "all"] = "test"
    limit: int = Field(default=0, ge=0)
    """Cases at most, of each store, evenly spread; 0 for all."""


class Course(Strict):
    """All that decides a training run, besides the data; each network adds tables of its own."""

    loop: Loop
    optimiser: Optimiser
    schedule: Schedule = Schedule()
    validation: Validation = Validation()


C = TypeVar("C", bound=Course)


def read_course(kind: type[C], package: str, config: str) -> C:
    """The course in ``PACKAGE/configs/CONFIG.toml``, or in a TOML file of one's own.

    Raises:
        UnknownName: there is neither such a course nor such a file.
        BadInput: the file is no TOML, or does not say what it must; the message names the place.
    """
    path = Path(config)
    if path.suffix == ".toml" or path.is_file():
        try:
            return parse_course(kind, path.read_text(encoding="utf-8"), config)
        except (OSError, UnicodeDecodeError) as problem:
            fact = f"cannot be read ({problem})"
            raise BadInput(path, fact, "name a TOML file") from problem
    known = list_courses(package)
    if config not in known:
        what = "course"
        raise UnknownName(what, config, known)
    text = files(package).joinpath("configs", f"{config}.toml").read_text(encoding="utf-8")
    return parse_course(kind, text, f"{config}.toml")


def list_courses(package: str) -> list[str]:
    """The names of the courses that a network's package ships."""
    folder = files(package).joinpath("configs")
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".toml"))


def parse_course(kind: type[C], text: str, path: str) -> C:
    """The course in ``text``; ``path`` is for the messages.

    Raises:
        BadInput: it is no TOML, or does not say what it must.
    """
    remedy = "correct it there; `imedbench train MODEL --show` prints a whole one"
    try:
        return kind.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as problem:
        fact = f"is no TOML ({problem})"
        raise BadInput(path, fact, remedy) from problem
    except ValidationError as problem:
        raise BadInput(path, _fact(problem), remedy) from problem


def as_toml(course: Course) -> str:
    """The course as a TOML file that reads back as the same."""
    lines: list[str] = []
    # TOML has no word for nothing: what is left out is not said.
    _write(course.model_dump(mode="json", exclude_none=True), "", lines)
    return "\n".join(lines).lstrip() + "\n"


def _write(table: Mapping[str, Any], name: str, lines: list[str]) -> None:
    if name and any(not isinstance(value, dict) for value in table.values()):
        lines += ["", f"[{name}]"]
    for key, value in table.items():
        if not isinstance(value, dict):
            lines.append(f"{key} = {_value(value)}")
    for key, value in table.items():
        if isinstance(value, dict):
            _write(value, f"{name}.{key}" if name else key, lines)


def _value(value: Any) -> str:
    import json

    # What JSON and TOML write alike: numbers, text, true and false, lists of these.
    return json.dumps(value, ensure_ascii=False)


def _fact(problem: ValidationError) -> str:
    first = problem.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    reason = first["msg"].removeprefix("Value error, ")
    kinds = {"extra_forbidden": f"there is no setting `{place}`", "missing": f"the setting `{place}` is missing"}
    return kinds.get(first["type"], f"`{place}`: {reason}" if place else reason)
