"""A small IMIS-Net for the tests of its parts."""

import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from baselines.imis_net.network import ImisNet
from baselines.imis_net.settings import read_settings

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "imis_net.py"))


@pytest.fixture(scope="session")
def fake_imis_net() -> dict[str, Any]:
    """What tests/fakes/imis_net.py offers."""
    return FAKE


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small one, as the authors publish theirs."""
    path: Path = FAKE["write_checkpoint"](tmp_path_factory.mktemp("imis-net") / "small.pth", FAKE["SMALL"])
    return path


@pytest.fixture(scope="session")
def network() -> ImisNet:
    """The small one, for squares of 128 pixels, ready for inference."""
    small: ImisNet = FAKE["filled"](FAKE["SMALL"], replace(read_settings("released"), side=128))
    return small
