"""Networks are built by their packages and filled whole or not at all."""

from pathlib import Path
from typing import Any

import pytest
import torch

from baselines.sam.network import build
from imedbench.errors import MissingWeights, UnknownName


def test_an_unknown_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"no network of the SAM family called 'sam-vit-x'.*lite-medsam, sam-vit-b"):
        build("sam-vit-x", tmp_path / "none.pth", "cpu")


def test_a_file_that_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "broken.pth"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(MissingWeights, match=r"broken\.pth: is not a file of weights alone"):
        build("lite-medsam", path, "cpu")


def test_weights_that_lack_a_layer_are_refused(tmp_path: Path, plain_lite: Any) -> None:
    state = plain_lite.state_dict()
    del state["mask_decoder.iou_token.weight"]
    path = tmp_path / "partial.pth"
    torch.save(state, path)
    with pytest.raises(MissingWeights, match="does not hold the weights of lite-medsam"):
        build("lite-medsam", path, "cpu")


def test_nothing_is_left_to_train(lite_network: Any) -> None:
    modules = (lite_network.image_encoder, lite_network.prompt_encoder, lite_network.mask_decoder)
    assert not any(parameter.requires_grad for module in modules for parameter in module.parameters())
    assert not any(module.training for module in modules)
