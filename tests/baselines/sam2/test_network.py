from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from baselines.sam2.network import GEOMETRIES, build, empty
from imedbench.errors import MissingWeights, UnknownName

# Millions of parameters, as SAM 2's README gives them.
PUBLISHED = {"sam2-tiny": 38.9, "sam2-small": 46.0, "sam2-base-plus": 80.8, "sam2-large": 224.4, "medsam2": 38.9}


@pytest.mark.parametrize("name", GEOMETRIES)
def test_sizes_are_the_published_ones(name: str) -> None:
    with torch.device("meta"):
        network = empty(GEOMETRIES[name])
    assert sum(each.numel() for each in network.parameters()) / 1e6 == pytest.approx(PUBLISHED[name], abs=0.1)
    side = GEOMETRIES[name].side
    assert network.prompt_encoder.input_image_size == side
    assert network.backbone_feature_sizes == [[side // stride] * 2 for stride in (4, 8, 16)]


def test_both_layouts_give_the_same_network(
    network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_sam2: dict[str, Any]
) -> None:
    path = tmp_path / "model.safetensors"
    save_file({key: value.contiguous().clone() for key, value in network.state_dict().items()}, path)
    monkeypatch.setitem(GEOMETRIES, "sam2-tiny", geometry_of(network))
    again = build("sam2-tiny", path, "cpu").state_dict()
    assert all(torch.equal(value, again[key]) for key, value in network.state_dict().items())


def geometry_of(network: Any) -> Any:
    from baselines.sam2.network import Geometry

    backbone = network.config.vision_config.backbone_config
    return Geometry(
        backbone.hidden_size,
        blocks=tuple(backbone.blocks_per_stage),
        attends_everywhere=tuple(backbone.global_attention_blocks),
        side=network.prompt_encoder.input_image_size,
    )


def test_ready_for_inference(network: Any) -> None:
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("change", ["missing", "unexpected", "shape"])
def test_weights_that_do_not_fit_are_refused(
    change: str, network: Any, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = torch.load(checkpoint, weights_only=True)["model"]
    if change == "missing":
        del state["no_mem_embed"]
    elif change == "unexpected":
        state["more.weight"] = torch.zeros(1)
    else:
        state["no_obj_ptr"] = torch.zeros(1, 7)
    path = tmp_path / "other.pt"
    torch.save({"model": state}, path)
    monkeypatch.setitem(GEOMETRIES, "sam2-tiny", geometry_of(network))
    first = {"missing": "1 missing: no_memory_embedding", "unexpected": "1 unexpected: more.weight"}
    with pytest.raises(MissingWeights, match=first.get(change, "1 of another shape: no_object_pointer")):
        build("sam2-tiny", path, "cpu")


def test_an_unknown_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="no network of the SAM 2 family called 'sam2-huge'"):
        build("sam2-huge", tmp_path / "none.pt", "cpu")
