"""Each module has its tests where one looks for them: imedbench/x/y.py in tests/imedbench/x/test_y.py."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("imedbench", "baselines", "leaderboard")
EXCEPTIONS = {
    "imedbench/models/base.py": "protocols only",
    "imedbench/curate/findings.py": "one type; what makes it is tested",
    "leaderboard/migrations/env.py": "every test of the service runs it",
    "leaderboard/migrations/versions/0001_begin.py": "every test of the service runs it",
    "leaderboard/migrations/versions/0002_plays.py": "every test of the service runs it",
    "imedbench/cli/options.py": "options are tested with the verbs that have them",
    "imedbench/cli/screen.py": "what the verbs show is tested with the verbs",
}
"""Modules without tests of their own, and why."""
MODULES = sorted(
    path.relative_to(ROOT)
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if not path.stem.startswith("__")
)


def mirror(module: Path) -> Path:
    """Where the tests of a module are."""
    return Path("tests") / module.with_name(f"test_{module.name}")


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_has_its_tests(module: Path) -> None:
    if str(module) in EXCEPTIONS:
        pytest.skip(EXCEPTIONS[str(module)])
    assert (ROOT / mirror(module)).is_file()


@pytest.mark.parametrize("module", sorted(EXCEPTIONS))
def test_an_exception_is_needed(module: str) -> None:
    assert (ROOT / module).is_file()
    assert not (ROOT / mirror(Path(module))).is_file()
