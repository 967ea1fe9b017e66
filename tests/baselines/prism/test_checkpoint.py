import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from baselines.prism.checkpoint import load_checkpoint
from baselines.prism.network import Prism
from imedbench.errors import MissingWeights


def published(network: Prism) -> dict[str, Any]:
    """As the authors' script keeps it, with what nothing uses."""
    unused = {
        "prompt_encoder.no_mask_embed.weight": torch.zeros(1, 48),
        "mask_decoder.decoder.final_conv.weight": torch.zeros(2, 4, 1, 1, 1),
        "mask_decoder.decoder.final_conv.bias": torch.zeros(2),
    }
    weights = {**network.state_dict(), **unused}
    return {
        "epoch": 3,
        "best_val_loss": np.mean([0.8, 1.0]),
        "model_state_dict": weights,
        "optimizer": {"state": {}},
    }


def test_published_and_ours(network: Prism, fake: dict[str, Any], tmp_path: Path) -> None:
    torch.save(published(network), tmp_path / "best.pth.tar")
    save_file(network.state_dict(), tmp_path / "ours.safetensors")
    torch.save(network.state_dict(), tmp_path / "plain.pth")
    for name in ("best.pth.tar", "ours.safetensors", "plain.pth"):
        again = Prism(network.settings)
        load_checkpoint(again, tmp_path / name, "prism")
        assert all(torch.equal(value, again.state_dict()[key]) for key, value in network.state_dict().items())


def test_numbers_as_numpy_1_kept_them(network: Prism, tmp_path: Path) -> None:
    """The name of the function that makes them was another."""
    written = tmp_path / "new.pth.tar"
    torch.save(published(network), written)
    renamed = tmp_path / "best.pth.tar"
    with zipfile.ZipFile(written) as old, zipfile.ZipFile(renamed, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    again = Prism(network.settings)
    load_checkpoint(again, renamed, "prism")
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in network.state_dict().items())


def test_what_does_not_fit(network: Prism, fake: dict[str, Any], tmp_path: Path) -> None:
    state = published(network)
    del state["model_state_dict"]["image_encoder.pos_embed"]
    torch.save(state, tmp_path / "best.pth.tar")
    with pytest.raises(MissingWeights, match=r"1 missing: image_encoder\.pos_embed"):
        load_checkpoint(Prism(network.settings), tmp_path / "best.pth.tar", "prism")
    (tmp_path / "text.pth.tar").write_text("no weights")
    with pytest.raises(MissingWeights, match="not a file of weights alone"):
        load_checkpoint(Prism(network.settings), tmp_path / "text.pth.tar", "prism")
    with pytest.raises(MissingWeights, match="does not hold the weights of prism"):
        load_checkpoint(Prism(fake["small"](refine=False)), _saved(network, tmp_path), "prism")


def _saved(network: Prism, folder: Path) -> Path:
    save_file(network.state_dict(), folder / "ours.safetensors")
    return folder / "ours.safetensors"
