"""The shell of every page: one file with styles, script and pictures inside, to be mailed and archived as it is."""

import base64
import io
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imedbench.types import Array

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")


def render(template: str, *, folder: Path = TEMPLATES, **values: Any) -> str:
    """The page that a template of this package makes of these values.

    A template extends ``page.html.j2``, which asks for ``title`` and brings styles and script.

    Args:
        template: its file's name.
        folder: where it and what it includes lie, if not in this package.
        values: what it asks for.
    """
    return _environment(folder).get_template(template).render(**values)


def webp_uri(picture: Array, quality: int = 82) -> str:
    """A uint8 RGB picture as a data URI."""
    from PIL import Image as Pillow

    target = io.BytesIO()
    Pillow.fromarray(picture).save(target, format="WEBP", quality=quality, method=5)
    return _uri(target.getvalue(), "image/webp")


def file_uri(path: Path, kind: str) -> str:
    """A file as a data URI of a media type."""
    return _uri(path.read_bytes(), kind)


def _uri(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def write_page(text: str, path: Path) -> None:
    """Writes a page whole: a reader never sees half of it."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


@cache
def _environment(folder: Path) -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from imedbench.report import charts

    environment = Environment(
        loader=FileSystemLoader([folder, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["thousands"] = lambda value: f"{value:,}"
    environment.filters["percent"] = lambda share: f"{100 * share:.1f} %"
    environment.globals.update(bars=charts.bars, columns=charts.columns, legend=charts.legend)
    return environment
