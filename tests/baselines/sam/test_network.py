"""Networks are built by their packages and filled whole or not at all."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines.sam.network import _med2d, _vit, build
from imedbench.errors import MissingWeights, UnknownName


def test_an_unknown_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        UnknownName, match=r"no network of the SAM family called 'sam-vit-x'.*lite-medsam, medsam, sam-med2d, sam-vit-b"
    ):
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
    with pytest.raises(
        MissingWeights, match=r"does not hold the weights of lite-medsam \(1 missing: mask_decoder.iou_token.weight\)"
    ):
        build("lite-medsam", path, "cpu")


def test_nothing_is_left_to_train(lite_network: Any) -> None:
    modules = (lite_network.image_encoder, lite_network.prompt_encoder, lite_network.mask_decoder)
    assert not any(parameter.requires_grad for module in modules for parameter in module.parameters())
    assert not any(module.training for module in modules)


def test_sam_med2d_has_the_published_size() -> None:
    with torch.device("meta"):
        module = _med2d()
    # Table 1 of Cheng et al. 2023: 271 M.
    assert sum(each.numel() for each in module.parameters()) / 1e6 == pytest.approx(271, abs=1)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "make"), [("medsam", _vit("b")), ("sam-med2d", _med2d)])
def test_checkpoints_in_the_released_layouts_are_loaded_whole(name: str, make: Any, tmp_path: Path) -> None:
    with torch.device("meta"):
        shapes = {key: value.shape for key, value in make().state_dict().items()}
    generator = torch.Generator().manual_seed(0)
    state = {key: torch.randn(shape, generator=generator) * 0.02 for key, shape in shapes.items()}
    path = tmp_path / "checkpoint.pth"
    torch.save({"model": state, "optimizer": {}} if name == "sam-med2d" else state, path)
    network = build(name, path, "cpu")
    loaded = {f"mask_decoder.{key}": value for key, value in network.mask_decoder.state_dict().items()}
    loaded |= {f"prompt_encoder.{key}": value for key, value in network.prompt_encoder.state_dict().items()}
    loaded |= {f"image_encoder.{key}": value for key, value in network.image_encoder.state_dict().items()}
    assert loaded.keys() == state.keys()
    assert all(torch.equal(value, state[key]) for key, value in loaded.items())
    assert network.embed(np.zeros((60, 50, 3), np.uint8), network.frame((60, 50))).isfinite().all()
