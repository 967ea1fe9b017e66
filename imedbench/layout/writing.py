"""A recipe as a YAML file that a person can go on with."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

from pydantic_core import PydanticUndefined

from imedbench.errors import BadRecipe, printable
from imedbench.recipe import Recipe
from imedbench.recipe_fields import Labels

WIDTH = 100
ALWAYS = ("title", "licence", "url", "citation", "modality", "patient")
"""Fields that are written even where nothing is known, for a person to fill in."""


def write_recipe(path: Path, recipe: Recipe, reasons: Sequence[str]) -> None:
    """Writes the recipe with its reasons and the meaning of each field as comments.

    Raises:
        BadRecipe: there is such a file already, or it cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(recipe_text(recipe, reasons))
    except FileExistsError:
        message = f"{printable(path)}: this file exists; move it away, or choose another --out."
        raise BadRecipe(message) from None
    except OSError as problem:
        message = f"{printable(path)}: cannot be written ({problem.strerror}); choose another --out."
        raise BadRecipe(message) from None


def recipe_text(recipe: Recipe, reasons: Sequence[str] = ()) -> str:
    """YAML that `imedbench.recipe.load_recipe` reads back as an equal recipe."""
    lines = [f"# {line}" for reason in reasons for line in wrap(f"- {reason}", WIDTH, subsequent_indent="  ")]
    content = recipe.model_dump(exclude_defaults=True)
    if list(recipe.images) == [""]:
        content["images"] = recipe.images[""]
    if recipe.labels:
        content["labels"] = [
            {"encoding": labels.encoding} | labels.model_dump(exclude_defaults=True) for labels in recipe.labels
        ]
    for name, field in Recipe.model_fields.items():
        if name not in content and name not in ALWAYS:
            default = field.get_default()
            if default is not PydanticUndefined and name in {"slices", "window", "filters", "split"}:
                shown = default if isinstance(default, str) else default.model_dump()
                lines.extend(["", *_comment(field.description), *(f"# {line}" for line in _dump({name: shown}))])
            continue
        lines.extend(["", *_comment(field.description)])
        if name == "labels":
            fields = [one for one in Labels.model_fields if any(one in labels for labels in content["labels"])]
            lines.extend(
                line for one in fields for line in _comment(Labels.model_fields[one].description, f"  {one}: ")
            )
        lines.extend(_dump({name: content.get(name, "")}))
    return "\n".join(lines).lstrip("\n") + "\n"


def _comment(description: str | None, lead: str = "") -> list[str]:
    plain = " ".join((description or "").replace("``", "").replace("`", "").split())
    return [f"# {line}" for line in wrap(lead + plain, WIDTH, initial_indent="", subsequent_indent=" " * len(lead))]


def _dump(content: dict[str, Any]) -> list[str]:
    import yaml

    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=WIDTH)
    return text.rstrip("\n").split("\n")
