"""The README names what there is, and its examples run."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from imedbench import catalog
from imedbench.cli import app

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def verbs(command: Any, words: tuple[str, ...] = ()) -> list[str]:
    """Every command below a group, as the words that lead to it."""
    commands = getattr(command, "commands", None)
    if commands is None:
        return [" ".join(words)]
    return [verb for name, below in commands.items() for verb in verbs(below, (*words, name))]


def catalogue() -> list[str]:
    """Every name in the catalogue's tables."""
    tables = [value for name, value in vars(catalog).items() if name.isupper() and isinstance(value, dict)]
    return [name for table in tables for name in table]


def blocks(language: str, text: str = README) -> list[str]:
    """The fenced blocks of one language, without those that the comment before them excludes."""
    return re.findall(rf"(?<!<!-- not run -->\n)^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("verb", verbs(typer.main.get_command(app)))
def test_each_verb_is_in_the_readme(verb: str) -> None:
    # `recipes list|show` names both.
    *group, name = verb.split()
    assert re.search(rf"imedbench {' '.join(group)} ?[a-z|]*\b{name}\b", README)


@pytest.mark.parametrize("name", catalogue())
def test_each_name_of_the_catalogue_is_in_the_readme(name: str) -> None:
    assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", README)


@pytest.mark.parametrize("code", blocks("python"))
def test_examples_run(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})


@pytest.mark.parametrize("name", ["demo", "test"])
def test_the_commands_are_where_the_checks_look_for_them(name: str) -> None:
    found = re.findall(rf"^<!-- command: {name} -->\n```bash\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    assert found[0].count("\n") == 1


def test_links_to_files_are_not_dead() -> None:
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", README):
        assert (ROOT / target).exists(), target


def test_blocks_are_found_and_can_be_excluded() -> None:
    text = "```python\na\n```\n<!-- not run -->\n```python\nb\n```\n```bash\nc\n```\n"
    assert blocks("python", text) == ["a\n"]
    assert blocks("bash", text) == ["c\n"]
