"""The card says what the model is without importing it."""

import subprocess
import sys
from pathlib import Path

import pytest

from baselines.imis_net import CARD
from imedbench import catalog
from imedbench.errors import MissingWeights
from imedbench.models import load


def test_the_card_stands_in_the_catalogue() -> None:
    assert catalog.card("imis-net") is CARD
    assert callable(catalog.resolve("loader", {CARD.name: CARD.loader}, CARD.name))


def test_the_card_imports_no_network() -> None:
    program = "import sys, baselines.imis_net; sys.exit('torch' in sys.modules or 'timm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_without_a_checkpoint_it_says_where_there_is_one(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match=r"only a browser can fetch: take IMISNet-B\.pth from https://pan\.baidu"):
        load("imis-net", device="cpu")
    with pytest.raises(MissingWeights, match=r"none\.pth: there is no such file"):
        load("imis-net", tmp_path / "none.pth", "cpu")
