import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from baselines.training.kept import save_weights, write_card, write_json


def test_weights_with_their_facts(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    path = tmp_path / "deep" / "model.safetensors"
    save_weights(network, path, {"model": "small"}, torch.float16)
    found = load_file(path)
    assert found["0.weight"].dtype == torch.float16
    assert found["1.num_batches_tracked"].dtype == torch.int64
    assert torch.equal(found["0.weight"], network[0].weight.half())  # type: ignore[operator]
    with safe_open(path, "pt") as file:
        assert file.metadata() == {"model": "small"}
    assert [each.name for each in path.parent.iterdir()] == ["model.safetensors"]
    save_weights(network, path, {})
    assert load_file(path)["0.weight"].dtype == torch.float32


def test_json_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    for content in ({"a": 1}, {"b": "ö"}):
        write_json(path, content)
        assert json.loads(path.read_text(encoding="utf-8")) == content
    assert len(list(tmp_path.iterdir())) == 1


def run(**changes: Any) -> dict[str, Any]:
    return {
        "model": "small", "versions": {"imedbench": "1"}, "command": "imedbench train small",
        "course": {"loop": {"steps": 2000, "seed": 3}}, "images_a_step": 8, "trained": 1000, "weights": 12345,
        "start": "", "frozen": "f00", "data": [{"name": "discs", "digest": "abc"}], "images": 7,
    } | changes  # fmt: skip


def test_a_card_says_what_was_done_and_measured(tmp_path: Path) -> None:
    scores = [
        {"step": 1000, "split": "test", "prompts": "perfect", "dice": {"discs": {"box": 0.5}}},
        {"step": 2000, "split": "test", "prompts": "perfect", "dice": {"discs": {"box": 0.8126, "click": 0.7}}},
    ]
    write_card(tmp_path / "card.md", run(), scores)
    text = (tmp_path / "card.md").read_text()
    for words in (
        "`imedbench train small`",
        "steps: 2,000; images a step: 8; seed: 3",
        "1,000 of 12,345",
        "SHA-256 abc",
    ):
        assert words in text
    assert "| discs | box | 0.813 |" in text
    assert "0.5" not in text


def test_a_card_without_validation_says_so(tmp_path: Path) -> None:
    write_card(tmp_path / "card.md", run(start="def"), [])
    text = (tmp_path / "card.md").read_text()
    assert "It was not validated on the way." in text
    assert "began with: def" in text
