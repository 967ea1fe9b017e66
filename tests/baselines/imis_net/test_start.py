from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from baselines.imis_net import start as module
from baselines.imis_net.course import ImisCourse, Network
from baselines.imis_net.start import start
from baselines.training.average import trained
from baselines.training.course import read_course
from imedbench.errors import MissingWeights


@pytest.fixture
def small() -> Network:
    return read_course(ImisCourse, "baselines.imis_net", "smoke").network


def test_what_learns_in_the_published_network() -> None:
    """Table 2 of the paper counts 29.68 M; no loss reaches the heads of meaning and of the mask for clear prompts."""
    settings = read_course(ImisCourse, "baselines.imis_net", "paper").network
    with torch.device("meta"):
        network = start(settings.model_copy(update={"image_weights": "", "text_weights": ""}), None, "imis-net")
    count = sum(weight.numel() for weight in trained(network).values())
    assert count == 29_679_696 - 394_240 - 1_255_008


def test_the_released_script_leaves_the_neck(small: Network) -> None:
    names = trained(start(small.model_copy(update={"neck": False}), None, "imis-net"))
    assert not any(name.startswith("image_encoder") for name in names)
    assert any(name.startswith("image_encoder.neck") for name in trained(start(small, None, "imis-net")))


def test_public_parts(small: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SAM's image encoder under segment_anything's names, CLIP's text encoder under transformers'."""
    donor = start(small, None, "imis-net")
    body, text = donor.image_encoder.sam_encoder.state_dict(), donor.text_model.state_dict()
    sam = {f"image_encoder.{name.replace('fc1', 'lin1').replace('fc2', 'lin2')}": value for name, value in body.items()}
    save_file(sam | {"prompt_encoder.x": torch.zeros(1)}, tmp_path / "sam.safetensors")
    prefix = "" if next(iter(text)).startswith("text_model.") else "text_model."
    clip = {prefix + name: value.contiguous() for name, value in text.items()}
    save_file(clip | {"vision_model.x": torch.zeros(1)}, tmp_path / "clip.safetensors")
    monkeypatch.setattr(module, "find_weights", lambda card, _: tmp_path / "sam.safetensors")
    begins = small.model_copy(update={"image_weights": "sam-vit-b", "text_weights": str(tmp_path / "clip.safetensors")})
    network = start(begins, None, "imis-net")
    for ours, theirs in ((network.image_encoder.sam_encoder, body), (network.text_model, text)):
        for name, value in ours.state_dict().items():
            assert torch.equal(value, theirs[name])


def test_text_weights_that_are_not_here(small: Network, tmp_path: Path) -> None:
    wanted = small.model_copy(update={"text_weights": str(tmp_path / "clip.safetensors")})
    with pytest.raises(MissingWeights, match="fetch CLIP ViT-B/32"):
        start(wanted, None, "imis-net")


def test_a_checkpoint_goes_before_public_parts(fake_imis_net: dict[str, Any], checkpoint: Path, small: Network) -> None:
    geometry = fake_imis_net["SMALL"]
    settings = small.model_copy(
        update={
            "settings": small.settings.__class__(128, "nearest", 1e-5, text_kernel=True, spelling="released"),
            "width": geometry.width, "image": geometry.image, "text": geometry.text, "image_weights": "sam-vit-b",
        }
    )  # fmt: skip
    network = start(settings, checkpoint, "imis-net")
    stored = fake_imis_net["random_state"](geometry)
    assert torch.equal(network.mask_decoder.iou_token.weight, stored["mask_decoder.iou_token.weight"])
