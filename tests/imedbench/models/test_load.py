import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from imedbench import catalog
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


def test_another_packages_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from dataclasses import replace

    from imedbench.models.oracle import ORACLE, Oracle

    package = ModuleType("somebodys")
    made: list[tuple[Any, ...]] = []

    def loader(card: Any, checkpoint: Path | None, device: str) -> Oracle:
        made.append((card.name, checkpoint, device))
        return Oracle(card)

    package.CARD = replace(ORACLE, name="theirs", loader="somebodys:loader")  # type: ignore[attr-defined]
    package.loader = loader  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "somebodys", package)
    point = EntryPoint("theirs", "somebodys:CARD", "imedbench.models")
    impostor = EntryPoint("oracle", "somebodys:CARD", "imedbench.models")
    monkeypatch.setattr(catalog, "entry_points", lambda group: [point, impostor] if group == point.group else [])
    path = tmp_path / "weights.pth"
    path.write_bytes(b"")
    assert load("theirs", path, "cpu").card.name == "theirs"
    assert made == [("theirs", path, "cpu")]
    # A name of this project's cannot be taken.
    assert load("oracle", device="cpu").card is ORACLE
    with pytest.raises(UnknownName, match="theirs"):
        load("nobodys")


def test_a_loader_that_fails_is_named_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumbles(*given: Any) -> None:
        raise RuntimeError("no such layer\nand more lines")

    monkeypatch.setattr("imedbench.models.oracle.load", stumbles)
    with pytest.raises(Unavailable) as caught:
        load("oracle", device="cpu")
    told = str(caught.value)
    assert told.startswith("the model oracle cannot be loaded by imedbench.models.oracle:load (RuntimeError: no such")
    assert f"{__file__}, line {stumbles.__code__.co_firstlineno + 1}" in told
    assert "more lines" not in told
