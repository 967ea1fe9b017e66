"""PRISM against the authors' own code: numbers that it gave for weights and inputs drawn by a stated recipe.

``prism.json`` holds them: mean and standard deviation of each tensor, and its elements 0, n // 7, n // 3, n // 2 and
n - 1 of n, in single precision on a processor, with MONAI 1.6.1.
"""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from baselines.prism.network import Prism, Seen
from baselines.prism.prompts import Prompts
from baselines.prism.settings import Settings
from baselines.prism.user import marked

HERE = Path(__file__).resolve().parent
FAKE = runpy.run_path(str(HERE.parent / "fakes" / "prism.py"))
EXPECTED: dict[str, Any] = json.loads((HERE / "prism.json").read_text(encoding="utf-8"))
WITHIN = 1e-3

FIRST = torch.tensor([[[10, 20, 30], [64, 64, 64], [100, 50, 7]]]), torch.tensor([[1, 0, 1]])
SECOND = torch.tensor([[[33, 44, 55], [5, 6, 7]]]), torch.tensor([[0, 1]])
BOX = torch.tensor([[8, 16, 24, 101, 90, 77]])


def statistics(values: Tensor) -> list[float]:
    flat = values.flatten().double()
    count = len(flat)
    chosen = [float(flat[index]) for index in (0, count // 7, count // 3, count // 2, count - 1)]
    return [float(flat.mean()), float(flat.std(unbiased=False)), *chosen]


@pytest.fixture(scope="module")
def found() -> dict[str, Tensor]:
    """All tensors by the names in the file: an image, a turn with a box, and one with the answer of the first."""
    network: Prism = FAKE["fill"](Prism()).to(memory_format=torch.channels_last_3d)
    image = FAKE["drawn"]("image", (1, 1, 128, 128, 128))
    told = {"dense": network.prompt_encoder.dense().reshape(1, 384, 8, 8, 8)}
    with torch.inference_mode():
        encoded = network.image_encoder(image)
        told |= {"z": encoded.coarse, **dict(zip(("x0", "s1", "s2", "s3"), encoded.skips, strict=True))}
        seen = Seen(image, encoded.coarse, network.mask_decoder.prepare(encoded.skips))
        previous, said = torch.zeros_like(image), torch.zeros(1, 2, 128, 128, 128, dtype=torch.bool)
        for turn, (given, box) in enumerate(((FIRST, BOX), (SECOND, None))):
            said = marked(said, given)
            prompts = Prompts(*given, box, previous)
            tokens, cells = network.prompt_encoder(seen.coarse, prompts)
            answer = network(seen, prompts, said)
            previous = answer.logits
            parts = (tokens, cells, answer.candidates.logits, answer.logits, answer.errors, answer.candidates.scores)
            names = ("tokens", "cells", "masks", "refined", "errors", "scores")
            told |= {f"{name} {turn}": part for name, part in zip(names, parts, strict=True)}
    return told


@pytest.mark.parametrize("name", [name for name in EXPECTED if not name.startswith("scores")])
def test_equals_the_authors(found: dict[str, Tensor], name: str) -> None:
    mean, deviation, chosen = EXPECTED[name]
    assert statistics(found[name]) == pytest.approx([mean, deviation, *chosen], abs=WITHIN)


@pytest.mark.parametrize("turn", [0, 1])
def test_scores_equal_the_authors(found: dict[str, Tensor], turn: int) -> None:
    assert found[f"scores {turn}"][0].tolist() == pytest.approx(EXPECTED[f"scores {turn}"], abs=WITHIN)


def test_the_textbooks_positions_are_others() -> None:
    """The same weights fit, and see something else: what a checkpoint needs cannot be told from its shapes."""
    image = FAKE["drawn"]("image", (1, 1, 128, 128, 128))[..., :64, :64, :64]
    answers = []
    for relative in ("published", "textbook"):
        network = FAKE["fill"](Prism(Settings(size=64, relative=relative, window=4)))
        with torch.inference_mode():
            answers.append(network.image_encoder(image).coarse)
    assert 0.01 < float((answers[0] - answers[1]).abs().mean()) < 1
