"""Checkpoints of the authors, of their training script and of our own load whole, or not at all."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from baselines.imis_net.checkpoint import load_checkpoint, original, translate
from baselines.imis_net.network import Geometry, ImisNet
from baselines.imis_net.settings import read_settings
from imedbench.errors import MissingWeights


@pytest.fixture
def empty(fake_imis_net: dict[str, Any]) -> ImisNet:
    return ImisNet(fake_imis_net["SMALL"], replace(read_settings("released"), side=128))


def same(one: ImisNet, other: ImisNet) -> bool:
    weights = other.state_dict()
    return all(torch.equal(value, weights[key]) for key, value in one.state_dict().items())


def test_every_tensor_of_the_released_checkpoint_has_its_place(fake_imis_net: dict[str, Any]) -> None:
    with torch.device("meta"):
        network = ImisNet(Geometry(), read_settings("released"))
        state = {key: torch.empty(shape) for key, shape in fake_imis_net["layers"](Geometry())}
    assert len(state) == 527
    shapes = fake_imis_net["shapes"]
    assert shapes(translate(state, network)) == shapes(network.state_dict())
    assert shapes(original(network)) == shapes(state)


def test_the_released_layout(empty: ImisNet, network: ImisNet, checkpoint: Path) -> None:
    assert not same(empty, network)
    load_checkpoint(empty, checkpoint, "imis-net")
    assert same(empty, network)


def test_the_training_scripts_layout(empty: ImisNet, network: ImisNet, tmp_path: Path) -> None:
    state = original(network)
    state["text_model.text_model.embeddings.position_ids"] = torch.arange(77)[None]
    for name in ("point_embeddings.0", "point_embeddings.1", "not_a_point_embed"):
        state[f"prompt_encoder.{name}.weight"] = state[f"prompt_encoder.{name}.weight"].half()
    path = tmp_path / "IMIS_latest.pth"
    arguments = Namespace(lr=1e-4, device=torch.device("cpu"))
    torch.save({"epoch": 1, "model_state_dict": state, "losses": [0.5], "best_dice": 0.1, "args": arguments}, path)
    load_checkpoint(empty, path, "imis-net")
    assert {value.dtype for value in empty.state_dict().values()} == {torch.float32}
    exact = network.state_dict()
    for key, value in empty.state_dict().items():
        torch.testing.assert_close(value, exact[key], atol=2e-3, rtol=0)


def test_our_own_layout(empty: ImisNet, network: ImisNet, tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, path)
    load_checkpoint(empty, path, "imis-net")
    assert same(empty, network)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("missing", "1 missing: mask_decoder.text_output.bias"),
        ("unexpected", "1 unexpected: more.weight"),
        ("shape", "1 of another shape: text_out_dim.bias"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    change: str, fault: str, empty: ImisNet, network: ImisNet, tmp_path: Path
) -> None:
    state = original(network)
    if change == "missing":
        del state["mask_decoder.text_output.bias"]
    elif change == "unexpected":
        state["more.weight"] = torch.zeros(1)
    else:
        state["text_out_dim.bias"] = torch.zeros(7)
    path = tmp_path / "other.pth"
    torch.save({"model_state_dict": state}, path)
    with pytest.raises(MissingWeights, match=rf"does not hold the weights of imis-net \({fault}\)"):
        load_checkpoint(empty, path, "imis-net")


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04"])
def test_a_file_of_something_else_is_refused(content: bytes, empty: ImisNet, tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    path.write_bytes(content)
    with pytest.raises(MissingWeights, match=r"other\.pth: is not a file of weights alone"):
        load_checkpoint(empty, path, "imis-net")


def test_a_program_in_a_checkpoint_is_not_run(empty: ImisNet, tmp_path: Path) -> None:
    path, mark = tmp_path / "evil.pth", tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (mark,)

    torch.save({"model_state_dict": {}, "args": Evil()}, path)
    with pytest.raises(MissingWeights):
        load_checkpoint(empty, path, "imis-net")
    assert not mark.exists()
