"""Sizes that no linter checks: the length of files and of functions."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(
    path for package in ("imedbench", "baselines", "leaderboard", "tests") for path in (ROOT / package).rglob("*.py")
)
FILE_LINES, FUNCTION_LINES = 400, 50


def too_long(source: str, limit: int) -> Iterator[str]:
    """Functions whose span, decorators aside, is over the limit."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > limit:
                yield f"{node.name}: {lines} lines"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert source.count("\n") <= FILE_LINES
    assert list(too_long(source, FUNCTION_LINES)) == []


def test_a_long_function_would_be_found() -> None:
    body = "\n".join(f"    x{line} = 1" for line in range(50))
    assert list(too_long(f"@wraps\ndef long():\n{body}\n", 50)) == ["long: 51 lines"]
    assert list(too_long(f"async def fits():\n{body}\n", 51)) == []
