from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from imedbench.errors import MissingWeights
from imedbench.models.checkpoint import fill, read_checkpoint

STATE = {"weight": torch.arange(6.0).view(2, 3), "bias": torch.ones(2)}


@pytest.mark.parametrize("layout", ["plain", "ordered", "under model", "safetensors"])
def test_every_layout_gives_the_tensors(layout: str, tmp_path: Path) -> None:
    path = tmp_path / ("weights.safetensors" if layout == "safetensors" else "weights.pth")
    if layout == "safetensors":
        save_file(STATE, path)
    else:
        kept = {"plain": STATE, "ordered": OrderedDict(STATE), "under model": {"model": STATE, "epoch": 3}}
        torch.save(kept[layout], path)
    found = read_checkpoint(path, "tiny")
    assert found.keys() == STATE.keys()
    assert all(torch.equal(found[key], STATE[key]) for key in STATE)


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_other_files_are_refused(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"weights.{suffix}"
    path.write_bytes(b"no checkpoint at all")
    with pytest.raises(MissingWeights, match="is not a file of weights alone; name a checkpoint of tiny"):
        read_checkpoint(path, "tiny")


@pytest.mark.parametrize("content", [{"epoch": 3}, [torch.ones(1)], torch.nn.Linear(2, 3)])
def test_other_contents_are_refused(content: object, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with pytest.raises(MissingWeights, match="is not a file of weights alone"):
        read_checkpoint(path, "tiny")


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(STATE, path)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(MissingWeights, match="is not a file of weights alone"):
        read_checkpoint(path, "tiny")


def test_fills_all(tmp_path: Path) -> None:
    layer = torch.nn.Linear(3, 2)
    fill(layer, STATE, tmp_path / "weights.pth", "tiny")
    assert torch.equal(layer.weight, STATE["weight"])


def test_what_does_not_fit_is_named_and_nothing_is_loaded(tmp_path: Path) -> None:
    layer = torch.nn.Linear(3, 2)
    before = layer.bias.clone()
    state = {"bias": torch.ones(2), **{f"more.{index}": torch.ones(1) for index in range(5)}}
    with pytest.raises(MissingWeights, match=r"1 missing: weight; 5 unexpected: more.0, more.1, more.2, \.\.\.\)"):
        fill(layer, state, tmp_path / "weights.pth", "tiny")
    with pytest.raises(
        MissingWeights, match=r"weights\.pth: does not hold the weights of tiny \(1 of another shape: bias"
    ):
        fill(layer, {**STATE, "bias": torch.ones(3)}, tmp_path / "weights.pth", "tiny")
    assert torch.equal(layer.bias, before)
