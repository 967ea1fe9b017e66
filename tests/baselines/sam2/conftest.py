"""A small SAM 2 for the tests of its adapter."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from baselines.sam2.network import GEOMETRIES, Geometry, build

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "sam2.py"))
SMALL = Geometry(width=24, blocks=(1, 1, 2, 1), attends_everywhere=(3,), side=128)


@pytest.fixture(scope="session")
def fake_sam2() -> dict[str, Any]:
    """What tests/fakes/sam2.py offers."""
    return FAKE


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small one in Meta's layout."""
    path: Path = FAKE["write_checkpoint"](tmp_path_factory.mktemp("sam2") / "small.pt", SMALL)
    return path


@pytest.fixture(scope="session")
def network(checkpoint: Path) -> Any:
    """The small one, loaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(GEOMETRIES, "sam2-tiny", SMALL)
        return build("sam2-tiny", checkpoint, "cpu")
