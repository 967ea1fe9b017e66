"""A store of a few pictures to learn from, and a tiny network that learns."""

import runpy
from pathlib import Path
from typing import Any

import pytest

FAKES = Path(__file__).resolve().parents[2] / "fakes"
TINY = runpy.run_path(str(FAKES / "tiny.py"))


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of seven pictures to learn from and two to test on."""
    write = runpy.run_path(str(FAKES / "pictures.py"))["write_pictures"]
    path: Path = write(tmp_path_factory.mktemp("learn") / "discs.zarr")
    return path


@pytest.fixture(scope="session")
def tiny() -> dict[str, Any]:
    """What tests/fakes/tiny.py offers."""
    return TINY
