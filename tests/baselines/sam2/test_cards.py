"""The cards say what the models are without importing them."""

import subprocess
import sys

import pytest

from imedbench import catalog

NAMES = ["sam2-tiny", "sam2-small", "sam2-base-plus", "sam2-large", "medsam2"]
UNSUMMED = ("medsam2",)


@pytest.mark.parametrize("name", NAMES)
def test_cards_stand_in_the_catalogue(name: str) -> None:
    card = catalog.card(name)
    assert card.name == name
    assert card.weights is not None
    assert len(card.weights.sha256) == (0 if name in UNSUMMED else 64)
    assert bool(card.weights.url) != bool(card.weights.package)
    assert callable(catalog.resolve("loader", {name: card.loader}, name))


def test_cards_import_no_network() -> None:
    program = (
        "import sys, baselines.sam2, imedbench.models; sys.exit('torch' in sys.modules or 'numpy.f2py' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
