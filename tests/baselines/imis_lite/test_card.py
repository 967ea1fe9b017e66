"""The weights that ship with the project."""

import subprocess
import sys

import pytest
import torch

from baselines.imis_lite import CARD
from baselines.imis_lite.network import ImisLite
from imedbench.models.checkpoint import fill, read_checkpoint
from imedbench.models.weights import find_weights

MOST_BYTES = 25_000_000


def test_they_are_small_whole_and_in_half_precision() -> None:
    path = find_weights(CARD)
    assert path is not None
    assert CARD.weights is not None
    assert path.stat().st_size == CARD.weights.size <= MOST_BYTES
    state = read_checkpoint(path, CARD.name)
    assert {value.dtype for value in state.values()} == {torch.float16}
    fill(ImisLite(), state, path, CARD.name)


def test_the_card_imports_no_network() -> None:
    program = "import sys, baselines.imis_lite; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("heading", ["Data", "How it was trained", "What it reaches", "Limits"])
def test_its_model_card_says_what_it_must(heading: str) -> None:
    path = find_weights(CARD)
    assert path is not None
    assert f"## {heading}" in (path.parent / "MODEL.md").read_text(encoding="utf-8")
