"""A third party's model, found by its entry point in worker processes, that kills every process that asks it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from imedbench.evaluate.results import Results
from imedbench.store import Store

DEADLY = """
import os
from imedbench.models.base import Card

CARD = Card("deadly", "", "deadly:load", ("box",), (2,), "", "")

class Deadly:
    card = CARD

    def start(self, image):
        os._exit(9)

def load(card, checkpoint, device):
    return Deadly()
"""


@pytest.mark.slow
def test_a_model_that_kills_every_worker_is_a_row_a_session(pictures: Store, tmp_path: Path) -> None:
    site = tmp_path / "site"
    about = site / "deadly-1.dist-info"
    about.mkdir(parents=True)
    (site / "deadly.py").write_text(DEADLY)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: deadly\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[imedbench.models]\ndeadly = deadly:CARD\n")
    words = [sys.executable, "-m", "imedbench", "eval", "--model", "deadly", "--data", str(pictures.path)]
    words += ["--out", str(tmp_path / "out"), "--limit", "1", "--workers", "2"]
    environment = os.environ | {"PYTHONPATH": str(site)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 3, done.stderr
    turns = Results.open(tmp_path / "out").turns.to_pylist()
    assert len(turns) == 4
    assert all(row["error"].startswith("the worker process died of it several times") for row in turns)
