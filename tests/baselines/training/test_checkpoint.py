from pathlib import Path

import pytest
import torch
from torch import nn

from baselines.training.checkpoint import newest_checkpoint, restore_weights, save_checkpoint, weights_of
from imedbench.errors import BadResults


def network() -> nn.Sequential:
    layers = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    layers[0].bias.requires_grad_(False)  # type: ignore[union-attr]
    return layers


def test_it_holds_what_changes() -> None:
    names = set(weights_of(network()))
    assert "0.bias" not in names
    assert {"0.weight", "1.weight", "1.running_mean", "1.num_batches_tracked"} <= names


def test_it_goes_back_in() -> None:
    first, second = network(), network()
    still = second[0].bias.clone()  # type: ignore[union-attr, operator]
    restore_weights(second, weights_of(first))
    assert torch.equal(first[0].weight, second[0].weight)  # type: ignore[arg-type]
    assert torch.equal(second[0].bias, still)  # type: ignore[arg-type]


def test_it_is_for_its_own_network() -> None:
    with pytest.raises(BadResults, match="another network"):
        restore_weights(network(), {"else": torch.zeros(1)})


def test_the_newest_counts_and_the_last_two_are_kept(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "none") is None
    for step in (2, 10, 9):
        save_checkpoint(tmp_path, step, {"step": step})
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["step-0000009.pt", "step-0000010.pt"]
    assert newest_checkpoint(tmp_path) == {"step": 10}


def test_one_that_the_disk_spoiled_is_passed_over(tmp_path: Path) -> None:
    for step in (2, 4):
        save_checkpoint(tmp_path, step, {"step": step})
    (tmp_path / "step-0000004.pt").write_bytes(b"half")
    assert newest_checkpoint(tmp_path) == {"step": 2}
    (tmp_path / "step-0000002.pt").write_bytes(b"")
    with pytest.raises(BadResults, match="no checkpoint in it can be read"):
        newest_checkpoint(tmp_path)
