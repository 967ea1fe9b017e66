"""The recipe: what a person writes about a data set so that its raw files can be read. Data only, no code."""

import hashlib
import json
import re
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, field_validator, model_validator

from imedbench.errors import BadRecipe, UnknownName, printable
from imedbench.recipe_fields import Checksum, Filters, Labels, ListedStudy, Percentile, Slices, SplitRule, Strict

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MODALITIES = (
    "ct", "cta", "mr", "mr-cmr", "mr-flair", "mr-t1gd", "mr-t1w", "mr-t2w", "mr-tof", "us", "xray", "fundus",
    "endoscopy", "dermoscopy",
)  # fmt: skip
"""The fourteen of IMed-361M; a recipe may name another (oct, pet, microscopy, ...)."""
MODALITY_SYNONYMS = {
    "mri": "mr", "ct-scan": "ct", "x-ray": "xray", "cxr": "xray", "dx": "xray", "cr": "xray", "ultrasound": "us",
    "t1": "mr-t1w", "t1w": "mr-t1w", "mr-t1": "mr-t1w", "t1gd": "mr-t1gd", "t1c": "mr-t1gd", "t1ce": "mr-t1gd",
    "mr-t1c": "mr-t1gd", "t2": "mr-t2w", "t2w": "mr-t2w", "mr-t2": "mr-t2w", "flair": "mr-flair", "tof": "mr-tof",
    "cmr": "mr-cmr",
}  # fmt: skip
SIMPLE_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")


def _by_channel(images: Any) -> Any:
    return {"": images} if isinstance(images, str) else images


class Recipe(Strict):
    """All that is needed to read a data set."""

    name: str
    """Short and lower case; the data set's name in the store."""
    title: str = ""
    """The data set's own name."""
    licence: str = ""
    """SPDX identifier, or a few words."""
    url: str = ""
    """Where the data comes from."""
    citation: str = ""
    """What its authors ask to be cited."""
    checksums: tuple[Checksum, ...] = ()
    """Of the published archives, where known."""
    modality: str = ""
    """ct, cta, mr, mr-cmr, mr-flair, mr-t1gd, mr-t1w, mr-t2w, mr-tof, us, xray, fundus, endoscopy, dermoscopy, or
    another in lower case. Empty where the files say it (DICOM) or nobody knows."""
    dimension: Literal[2, 3]
    """2 for pictures, 3 for volumes."""
    images: Annotated[dict[str, str], BeforeValidator(_by_channel)] = Field(default_factory=dict)
    """Pattern of the image files below the source folder; for one file a channel, a pattern for each channel's name."""
    labels: tuple[Labels, ...] = ()
    """The label files; none for images without truth."""
    studies: tuple[ListedStudy, ...] = ()
    """Instead of the patterns, a list: for folders whose names follow no rule."""
    interactive: str = ""
    """Pattern of published interactive masks (one integer map an image), where the set has them."""
    patient: str = ""
    """Regular expression with a group ``patient``, searched in the study's id; empty where each study is a patient,
    or DICOM headers say whose it is."""
    outside: tuple[str, ...] = ()
    """Names in this recipe that are known to be outside the vocabulary of targets."""
    instances: tuple[str, ...] = ()
    """Targets of the vocabulary whose separate parts are objects of their own."""
    slices: Slices = Slices()
    """How volumes are cut."""
    window: Literal["full"] | tuple[float, float] | Percentile = "full"
    """Intensities that become 0 and 255: the whole range, two values, or two percentiles."""
    filters: Filters = Filters()
    """What is left out."""
    split: SplitRule = SplitRule()
    """How patients are divided."""

    @field_validator("name")
    @classmethod
    def _simple(cls, name: str) -> str:
        if not SIMPLE_NAME.fullmatch(name):
            message = "lower-case letters, digits, '_', '-' and '.' only"
            raise ValueError(message)
        return name

    @field_validator("modality")
    @classmethod
    def _usual(cls, modality: str) -> str:
        plain = re.sub(r"[\s_]+", "-", modality.strip().lower())
        return MODALITY_SYNONYMS.get(plain, plain)

    @field_validator("patient")
    @classmethod
    def _has_group(cls, patient: str) -> str:
        try:
            groups = re.compile(patient).groupindex
        except re.error as problem:
            message = f"not a regular expression ({problem})"
            raise ValueError(message) from None
        if patient and "patient" not in groups:
            message = "a regular expression with a group (?P<patient>...)"
            raise ValueError(message)
        return patient

    @model_validator(mode="after")
    def _complete(self) -> "Recipe":
        if bool(self.images) == bool(self.studies):
            message = "a recipe has either images (a pattern) or studies (a list)"
            raise ValueError(message)
        if not self.studies and any(not labels.path for labels in self.labels):
            message = "each entry of labels needs a path"
            raise ValueError(message)
        if isinstance(self.window, tuple) and self.window[0] >= self.window[1]:
            message = "window is two rising numbers"
            raise ValueError(message)
        return self

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels that come as files of their own; one empty name for a single file."""
        return tuple(self.images) or ("",)

    @property
    def targets(self) -> tuple[str, ...]:
        """Every name that the recipe gives to a target, once, as it writes it."""
        named = [name for labels in self.labels for name in (*labels.names.values(), labels.target) if name]
        return tuple(dict.fromkeys(named))

    def digest(self) -> str:
        """SHA-256 of the recipe as canonical JSON: equal for equal recipes, however they were written."""
        # The order of the channels counts, that of other keys does not.
        fields = self.model_dump(mode="json") | {"images": list(self.images.items())}
        canonical = json.dumps(fields, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()


def list_recipes() -> list[str]:
    """The names of the recipes that ship with the project."""
    return sorted(Path(entry.name).stem for entry in files("recipes").iterdir() if entry.name.endswith(".yaml"))


def load_recipe(name_or_path: str | Path) -> Recipe:
    """A recipe that ships with the project, by its name, or one of your own, by its path.

    Raises:
        BadRecipe: the file cannot be read, or does not say what it must.
        UnknownName: there is neither a recipe of that name nor such a file.
    """
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"} or path.is_file():
        try:
            return parse_recipe(path.read_bytes(), path)
        except OSError as problem:
            message = (
                f"{printable(path)}: the recipe cannot be read ({problem.strerror}); give the path of a YAML file."
            )
            raise BadRecipe(message) from None
    kind, name = "recipe", str(name_or_path)
    if name not in list_recipes():
        raise UnknownName(kind, name, list_recipes())
    return parse_recipe(files("recipes").joinpath(f"{name}.yaml").read_bytes(), Path(f"{name}.yaml"))


def parse_recipe(text: bytes, path: Path) -> Recipe:
    """The recipe in the YAML ``text``; ``path`` is for the messages.

    Raises:
        BadRecipe: it is not YAML, or does not say what it must.
    """
    import yaml

    try:
        content = yaml.load(text, _loader())
    except yaml.YAMLError as problem:
        where = getattr(problem, "problem_mark", None)
        line = f" on line {where.line + 1}" if where else ""
        fact = getattr(problem, "problem", None) or "unreadable bytes"
        message = f"{printable(path)}: not YAML{line} ({fact}); correct it there."
        raise BadRecipe(message) from None
    if not isinstance(content, dict):
        message = f"{printable(path)}: a recipe is a YAML mapping of fields; begin with `name: my_data`."
        raise BadRecipe(message)
    return make_recipe(content, path)


def make_recipe(fields: dict[str, Any], path: Path) -> Recipe:
    """The recipe with these fields; ``path`` is for the messages.

    Raises:
        BadRecipe: they do not make a recipe.
    """
    try:
        return Recipe.model_validate(fields)
    except ValidationError as problem:
        errors = problem.errors()
        more = f" (and {len(errors) - 1} more like it)" if len(errors) > 1 else ""
        message = f"{printable(path)}: {_sentence(errors[0])}{more}."
        raise BadRecipe(message) from None


def _sentence(error: "ErrorDetails") -> str:
    """Which field, and what is allowed there."""
    place = ".".join(str(step) for step in error["loc"])
    if error["type"] == "extra_forbidden":
        *above, name = error["loc"]
        known = _fields_at(above)
        near = get_close_matches(str(name), known, 1)
        hint = f"perhaps `{near[0]}` is meant" if near else f"there are {', '.join(sorted(known))}"
        return f"there is no field `{place}`; {hint}"
    if error["type"] == "missing":
        return f"the field `{place}` is missing; add it"
    fact = error["msg"].removeprefix("Value error, ")
    fact = fact[:1].lower() + fact[1:]
    return f"the field `{place}`: {fact}" if place else fact


def _fields_at(place: list[int | str]) -> list[str]:
    """The fields that a recipe may have at this place."""
    by_name: dict[str, type[BaseModel]] = {
        "labels": Labels, "studies": ListedStudy, "slices": Slices, "filters": Filters, "split": SplitRule,
        "checksums": Checksum, "window": Percentile,
    }  # fmt: skip
    model = by_name.get(str(place[0]), Recipe) if place else Recipe
    return list(model.model_fields)


@cache
def _loader() -> Any:
    """A safe YAML loader that refuses a key given twice, which YAML would silently let win."""
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:  # noqa: FBT001, FBT002
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            twice = [key for index, key in enumerate(keys) if key in keys[:index]]
            if twice:
                problem = f"the key {twice[0]!r} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
            return super().construct_mapping(node, deep)

    return Loader
