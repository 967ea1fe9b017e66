"""Where pages are: the same below the service and below a folder of exported files, so all links are relative."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import astuple

from leaderboard.queries import View, first_view, views_of
from leaderboard.tasks import Task

OVERVIEW, TAKE_PART, STYLE = "index.html", "take-part.html", "static/board.css"
ALL = "all"


def slug(text: str) -> str:
    """Text as part of an address: letters, digits and single dashes."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "x"


def slugs(texts: Sequence[str]) -> dict[str, str]:
    """An address for each of some different texts, no two the same; an empty one is all."""
    found: dict[str, str] = {"": ALL} if "" in texts else {}
    for text in filter(None, texts):
        name, number = slug(text), 2
        while name in found.values():
            name, number = f"{slug(text)}-{number}", number + 1
        found[text] = name
    return found


class Addresses:
    """Of the views of a task."""

    def __init__(self, task: Task) -> None:
        self.task = task
        views = views_of(task)
        self._names = [slugs(list(dict.fromkeys(part))) for part in zip(*map(astuple, views), strict=True)]
        self._views = {self._file(view): view for view in views}

    def _file(self, view: View) -> str:
        if view == first_view(self.task):
            return OVERVIEW
        return "--".join(names[part] for names, part in zip(self._names, astuple(view), strict=True)) + ".html"

    def of(self, view: View) -> str:
        """Below the root."""
        return f"tasks/{self.task.id}/{self._file(view)}"

    def view(self, file: str) -> View | None:
        """What is to be seen in a file of the task's folder; None where there is no such file."""
        return self._views.get(file)

    @property
    def views(self) -> dict[str, View]:
        """All of them, by address below the root."""
        return {f"tasks/{self.task.id}/{file}": view for file, view in self._views.items()}


def submission_address(identity: str) -> str:
    """Of a submission's page."""
    return f"submissions/{identity}.html"


def targets_address(identity: str, page: int) -> str:
    """Of a page, counted from 1, of a submission's results target by target."""
    return f"submissions/{identity}-targets-{page}.html"


def compare_address(first: str, second: str) -> str:
    """Of two submissions beside each other."""
    return f"compare/{first}-{second}.html"


def json_address(address: str) -> str:
    """Of what a page shows, for programs."""
    return f"api/v1/{address.removesuffix('.html')}.json"


def root_of(address: str) -> str:
    """What leads from a page to the root."""
    return "../" * address.count("/")
