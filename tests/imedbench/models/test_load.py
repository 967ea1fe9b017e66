from pathlib import Path

import pytest
import torch

from imedbench.errors import MissingWeights, Unavailable, UnknownName
from imedbench.models import load
from imedbench.models.load import find_device


def test_loads_by_name() -> None:
    model = load("lite-medsam", device="cpu")
    assert model.card.name == "lite-medsam"


def test_auto_is_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("baselines.sam.adapter.load", lambda card, weights, device: asked.append(device))
    for present in (True, False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda present=present: present)
        load("lite-medsam")
    assert asked == ["cuda", "cpu"]


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(UnknownName, match=r"there is no model called 'sam'; there are: .*lite-medsam"):
        load("sam")


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match=r"none\.pth: there is no such file"):
        load("sam-vit-b", tmp_path / "none.pth")


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert (find_device("cpu"), find_device("auto")) == ("cpu", "cpu")
    with pytest.raises(UnknownName, match="there is no device called 'tpu'; there are: auto, cpu, cuda"):
        find_device("tpu")
    with pytest.raises(Unavailable, match="torch finds no GPU here"):
        find_device("cuda:1")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert (find_device("cuda:1"), find_device("auto")) == ("cuda:1", "cuda")
