"""IMIS-Net against the authors' own code: numbers that it gave for weights and inputs drawn by a stated recipe.

``imis_net.json`` holds them: mean and standard deviation of each tensor, and its elements 0, n // 7, n // 3, n // 2 and
n - 1 of n, in single precision on a processor, with timm 0.9.16 and transformers 4.39.3.
"""

import json
import runpy
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from baselines.imis_net.adapter import normalise, stretch
from baselines.imis_net.checkpoint import translate
from baselines.imis_net.decoder import Decoded
from baselines.imis_net.network import Geometry, ImisNet
from baselines.imis_net.prompts import Given
from baselines.imis_net.settings import read_settings

HERE = Path(__file__).resolve().parent
FAKE = runpy.run_path(str(HERE.parent / "fakes" / "imis_net.py"))
EXPECTED: dict[str, Any] = json.loads((HERE / "imis_net.json").read_text(encoding="utf-8"))
WITHIN = 1e-4

SIDES = [pytest.param("256"), pytest.param("1024", marks=pytest.mark.slow)]
TOKENS = torch.tensor(
    [
        [49406, 320, 12345, 2010, 539, 320, 9876, 269, 49407],
        [49406, 320, 777, 40000, 269, 49407, 49407, 49407, 49407],
    ]
)
POINTS = torch.tensor([[[40.0, 60.0], [200.0, 31.0], [128.0, 250.0]], [[5.0, 9.0], [77.0, 140.0], [0.0, 0.0]]])
LABELS = torch.tensor([[1, 0, 1], [1, 1, -1]])
BOXES = torch.tensor([[20.0, 30.0, 180.0, 220.0], [64.0, 8.0, 250.0, 99.0]])


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """The weights, under the names of the released checkpoint."""
    drawn: dict[str, Tensor] = FAKE["random_state"](Geometry())
    return drawn


@pytest.fixture(scope="module", params=SIDES)
def found(request: pytest.FixtureRequest, state: dict[str, Tensor]) -> tuple[str, dict[str, Tensor], dict[str, Tensor]]:
    """Side, tensors by the names in the file, and scores by case."""
    from dataclasses import replace

    side: str = request.param
    with torch.device("meta"):
        network = ImisNet(Geometry(), replace(read_settings("released"), side=int(side)))
    network.load_state_dict(translate(state, network), assign=True)
    # What is made anew, not loaded, has no numbers yet.
    network.text_model.embeddings.position_ids = torch.arange(77)[None]
    with torch.inference_mode():
        return side, *run(network.eval().requires_grad_(False), int(side))


def run(network: ImisNet, side: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    with listening(network) as heard:
        embedding = network.image_encoder(FAKE["drawn"]("image", (1, 3, side, side)))
        text = network.describe(TOKENS)
    places = network.prompt_encoder.places()
    states = network.text_model(TOKENS, (torch.tensor([[9], [6]]) > torch.arange(9)).long()).last_hidden_state
    tensors = heard | {
        "image embedding": embedding,
        "key PE": places,
        "CLIP last hidden": states,
        "CLIP pooled": heard.pop("text_out_dim"),
        "text vector": text,
    }
    scale = side / 256
    points = {"points": POINTS * scale, "labels": LABELS}
    boxes = {"boxes": BOXES * scale}
    cases: dict[str, dict[str, Tensor]] = {"P": points, "X": boxes, "PX": points | boxes, "T": {"text": text}}
    cases["M"] = {"masks": 5 * FAKE["drawn"]("mask_prompt", (2, 1, 64, 64))}
    scores = {}
    for name in ("P", "X", "T") if side == 1024 else ("P", "X", "PX", "T", "M", "PTM"):
        if name == "PTM":
            cases[name] = points | {"text": text, "masks": tensors["P selected low-res"]}
        decoded = network(embedding, places, Given(2, **cases[name]))
        tensors |= outputs(network, Given(2, **cases[name]), decoded, name)
        scores[name] = decoded.scores
        if name == "PTM":
            network.mask_decoder.text_kernel = False
            without = network(embedding, places, Given(2, **cases[name]))
            network.mask_decoder.text_kernel = True
            added = decoded.logits - without.logits
            torch.testing.assert_close(added, added[:, :1].expand_as(added), atol=1e-5, rtol=0)
            tensors["PTM text map"] = added[:, :1]
        if name == "P":
            turned = Decoded(decoded.logits, -decoded.scores, decoded.meanings).best()
            assert turned.scores.tolist() == pytest.approx((-decoded.scores[:, 2]).tolist())
            tensors["Pneg selected low-res"] = turned.logits[:, None]
            tensors["Pneg selected semantic"] = turned.meanings[:, None]
    return tensors, scores


def outputs(network: ImisNet, given: Given, decoded: Decoded, name: str) -> dict[str, Tensor]:
    sparse, dense = network.prompt_encoder(given)
    best = decoded.best()
    return {
        f"{name} sparse": sparse,
        f"{name} dense": dense.expand(2, -1, -1, -1),
        f"{name} masks": decoded.logits,
        f"{name} semantic_pred": decoded.meanings,
        f"{name} selected low-res": best.logits[:, None],
        f"{name} selected semantic": best.meanings[:, None],
        f"{name} final masks": functional.interpolate(best.logits[:, None], scale_factor=4, mode="bilinear"),
    }


@contextmanager
def listening(network: ImisNet) -> Iterator[dict[str, Tensor]]:
    """What passes between the parts of the network meanwhile."""
    heard: dict[str, Tensor] = {}
    encoder = network.image_encoder.sam_encoder

    def keep(name: str, tensor: Tensor) -> None:
        heard[name] = tensor.clone()

    handles = [
        encoder.patch_embed.register_forward_hook(lambda _, __, output: keep("patch embed", output)),
        encoder.blocks.register_forward_pre_hook(lambda _, inputs: keep("+ pos_embed", inputs[0])),
        network.text_out_dim.register_forward_pre_hook(lambda _, inputs: keep("text_out_dim", inputs[0])),
        *(
            encoder.blocks[index].register_forward_hook(
                lambda _, __, output, name=f"block {index} out": keep(name, output)
            )
            for index in (0, 2, 5, 11)
        ),
    ]
    yield heard
    for handle in handles:
        handle.remove()


def test_every_tensor(found: tuple[str, dict[str, Tensor], dict[str, Tensor]]) -> None:
    side, tensors, _ = found
    rows = EXPECTED[side]["rows"]
    assert rows.keys() <= tensors.keys()
    furthest = {}
    for name, row in rows.items():
        values = tensors[name].float()
        assert list(values.shape) == row["shape"], name
        flat, count = values.flatten(), values.numel()
        samples = flat[[0, count // 7, count // 3, count // 2, count - 1]].tolist()
        seen = [float(flat.double().mean()), float(flat.double().std(correction=0)), *samples]
        furthest[name] = float(np.abs(np.subtract(seen, [row["mean"], row["std"], *row["samples"]])).max())
    worst = max(furthest, key=lambda name: furthest[name])
    assert furthest[worst] < WITHIN, (worst, furthest[worst])


def test_every_score(found: tuple[str, dict[str, Tensor], dict[str, Tensor]]) -> None:
    side, _, scores = found
    assert scores.keys() == EXPECTED[side]["scores"].keys()
    for name, expected in EXPECTED[side]["scores"].items():
        np.testing.assert_allclose(scores[name].numpy(), expected, atol=WITHIN, err_msg=name)
        assert scores[name][:, 1:].argmax(1).tolist() == [0, 0]


def test_what_the_tokens_are(found: tuple[str, dict[str, Tensor], dict[str, Tensor]]) -> None:
    side, tensors, _ = found
    text = tensors["text vector"]
    torch.testing.assert_close(tensors["T masks"].shape, torch.Size((2, 4, int(side) // 4, int(side) // 4)))
    torch.testing.assert_close(tensors["T sparse"], text[:, None], rtol=0, atol=0)
    # The point that is none, and the one that follows points without a box.
    torch.testing.assert_close(tensors["P sparse"][1, 2], tensors["P sparse"][0, 3], rtol=0, atol=0)


def test_how_an_image_is_stretched() -> None:
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(b"u8image")))
    image = np.clip(np.floor(128 + 60 * generator.standard_normal((70, 100, 3))), 0, 255).astype(np.uint8)
    assert image.sum() == 2675095
    square = stretch(image, 256, "nearest")
    picture = square[0].permute(1, 2, 0).flatten()
    count = picture.numel()
    places = [0, count // 7, count // 3, count // 2, count - 1]
    assert picture.sum() == 25052092
    assert picture[places].tolist() == [98, 72, 159, 108, 125]
    normal = normalise(square).flatten()
    assert float(normal.mean()) == pytest.approx(0.225017, abs=1e-5)
    assert float(normal.std(correction=0)) == pytest.approx(1.013614, abs=1e-5)
    np.testing.assert_allclose(normal[places].numpy(), [-0.43968, 1.73517, 0.29272, 0.36275, 0.3742], atol=1e-5)
