"""Sessions answer as the network asked by hand, with the image and prompts brought to its square as the authors do."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from baselines.imis_net import CARD, adapter
from baselines.imis_net.adapter import ImisModel, Memory, load, normalise, stretch
from baselines.imis_net.network import ImisNet
from baselines.imis_net.prompts import Given
from baselines.imis_net.settings import read_settings
from imedbench.errors import MissingWeights
from imedbench.models.base import Model, Session
from imedbench.types import Box, Click, Image, MaskPrompt, Prediction, Prompt, Scribble, Text

BOX = Box((20.0, 30.0), (70.0, 90.0))
CLICK = Click((40.0, 50.0))
OUTSIDE = Click((90.0, 20.0), inside=False)
LIVER = Text("liver")
IDS = [49406, 320, 10551, 9512, 2445, 539, 320, 16405, 269, 49407]


@pytest.fixture(autouse=True)
def without_the_vocabulary(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The texts that were numbered: "liver" as CLIP does, others with their length as a word."""
    told: list[list[str]] = []

    def tokenize(texts: list[str]) -> Tensor:
        told.append(texts)
        rows = [IDS if "liver" in text else [49406, len(text), *[49407] * (len(IDS) - 2)] for text in texts]
        return torch.tensor(rows)

    monkeypatch.setattr(adapter, "tokenize", tokenize)
    return told


def picture(height: int = 110, width: int = 150) -> Image:
    rows, columns = np.mgrid[:height, :width]
    disc = ((rows - 45) ** 2 + (columns - 60) ** 2 < 24**2) * 120
    noise = np.random.default_rng(4).integers(0, 30, (height, width, 3))
    return Image((40 + disc[..., None] + noise).astype(np.uint8), (1.0, 1.0), np.eye(4), "ct", ("r", "g", "b"))


@pytest.fixture(scope="module")
def imis(network: ImisNet) -> ImisModel:
    return ImisModel(CARD, network)


def by_hand(network: ImisNet, image: Image, given: Given) -> tuple[Tensor, Tensor, Tensor]:
    """Logits on the image's grid, score and low resolution logits of one target."""
    square = np.array(PIL.Image.fromarray(image.voxels).resize((128, 128), PIL.Image.Resampling.NEAREST))
    mean, deviation = torch.tensor([123.675, 116.28, 103.53]), torch.tensor([58.395, 57.12, 57.375])
    pixels = ((torch.from_numpy(square).float() - mean) / deviation).permute(2, 0, 1)[None]
    with torch.inference_mode():
        decoded = network(network.image_encoder(pixels), network.prompt_encoder.places(), given)
    index = 1 + int(decoded.scores[0, 1:].argmax())
    coarse = decoded.logits[:, index : index + 1]
    full = functional.interpolate(coarse, (128, 128), mode="bilinear")
    return functional.interpolate(full, image.grid, mode="bilinear")[0, 0], decoded.scores[0, index], coarse


POINT, POINTS = [[[50.0, 40.0]]], [[[50.0, 40.0], [20.0, 90.0]]]
CORNERS = [[30.0, 20.0, 89.0, 69.0]]


@pytest.mark.parametrize(
    ("prompts", "points", "labels", "box", "told"),
    [
        ([CLICK], POINT, [[1]], None, False),
        ([CLICK, OUTSIDE], POINTS, [[1, 0]], None, False),
        ([BOX], None, None, CORNERS, False),
        ([OUTSIDE, BOX], [[[20.0, 90.0]]], [[0]], CORNERS, False),
        ([LIVER], None, None, None, True),
        ([LIVER, CLICK], POINT, [[1]], None, True),
        ([BOX, LIVER, CLICK], POINT, [[1]], CORNERS, True),
    ],
)
@pytest.mark.parametrize("follows", [False, True])
def test_answers_as_the_network(
    imis: ImisModel,
    network: ImisNet,
    prompts: list[Prompt],
    points: Any,
    labels: Any,
    box: Any,
    told: bool,
    follows: bool,
) -> None:
    image = picture()
    scale = torch.tensor([128 / 150, 128 / 110])
    with torch.inference_mode():
        text = network.describe(torch.tensor([IDS])) if told else None
    session = imis.start(image)
    previous, masks = None, None
    if follows:
        previous = session.predict([Click((30.0, 100.0))])
        there = Given(1, torch.tensor([[[100.0, 30.0]]]) * scale, torch.ones(1, 1))
        masks = by_hand(network, image, there)[2]
    given = Given(
        1,
        None if points is None else torch.tensor(points) * scale,
        None if labels is None else torch.tensor(labels),
        None if box is None else torch.tensor(box) * scale.repeat(2),
        text,
        masks,
    )
    logits, score, coarse = by_hand(network, image, given)
    answer = session.predict(prompts, previous)
    assert answer.logits.shape == (110, 150)
    assert answer.logits.dtype == np.float32
    np.testing.assert_allclose(answer.logits, logits.numpy(), atol=1e-3)
    assert answer.score == pytest.approx(float(score), abs=1e-4)
    assert isinstance(answer.memory, Memory)
    torch.testing.assert_close(answer.memory.logits, coarse[0], atol=1e-3, rtol=0)
    assert answer.memory.meaning.shape == (512,)


def test_keeps_the_protocols(imis: ImisModel) -> None:
    assert isinstance(imis, Model)
    assert isinstance(imis.start(picture()), Session)


def test_targets_of_different_prompts_keep_their_order(
    imis: ImisModel, without_the_vocabulary: list[list[str]]
) -> None:
    session = imis.start(picture())
    earlier = session.predict([BOX])
    prompts: list[list[Prompt]] = [
        [BOX],
        [CLICK, BOX],
        [LIVER],
        [Text("spleen"), CLICK],
        [BOX, MaskPrompt(earlier.logits)],
        [],
        [BOX],
        [MaskPrompt(earlier.logits)],
        [LIVER, CLICK],
        *([Click((float(place), 50.0))] for place in range(30, 36)),
    ]
    previous: list[Prediction | None] = [None] * len(prompts)
    previous[6] = earlier
    together = session.predict_many(prompts, previous)
    assert without_the_vocabulary == [["A segmentation area of a liver.", "A segmentation area of a spleen."]]
    alone = [session.predict(each, last) for each, last in zip(prompts, previous, strict=True)]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.logits, other.logits, atol=1e-3)
        assert one.score == pytest.approx(other.score, abs=1e-4)
    assert np.abs(together[6].logits - together[0].logits).max() > 1e-3
    assert np.abs(together[8].logits - together[3].logits).max() > 1e-3


def test_a_mask_prompt_goes_before_the_last_answer(imis: ImisModel) -> None:
    session = imis.start(picture())
    earlier = session.predict([BOX])
    mask = MaskPrompt(np.full((110, 150), -3, np.float32))
    with_both, with_mask = session.predict([CLICK, mask], earlier), session.predict([CLICK, mask])
    np.testing.assert_array_equal(with_both.logits, with_mask.logits)


def test_what_does_not_fit_is_refused(imis: ImisModel) -> None:
    session = imis.start(picture())
    with pytest.raises(ValueError, match="imis-net takes one box a target, not 2"):
        session.predict([BOX, BOX])
    with pytest.raises(ValueError, match="imis-net takes one text a target, not 3"):
        session.predict([LIVER, LIVER, LIVER])
    with pytest.raises(ValueError, match="imis-net takes click and box and text and mask prompts, not scribble"):
        session.predict([Scribble(np.array([[3, 3]], np.int32))])
    with pytest.raises(ValueError, match="not float32 of 1"):
        imis.start(Image(np.zeros((8, 8), np.float32), (1.0, 1.0), np.eye(4), "ct"))
    with pytest.raises(ValueError, match="imis-net takes 2-D images, not 3-D"):
        imis.start(Image(np.zeros((8, 8, 8), np.uint8), (1.0, 1.0, 1.0), np.eye(4), "ct"))


def test_loads_a_checkpoint(
    checkpoint: Path, fake_imis_net: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(adapter, "GEOMETRY", fake_imis_net["SMALL"])
    model = load(CARD, checkpoint, "cpu")
    assert model.start(picture()).predict([CLICK]).logits.shape == (110, 150)
    with pytest.raises(MissingWeights, match="imis-net needs a checkpoint"):
        load(CARD, None, "cpu")
    torch.save({"liver": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(MissingWeights, match="does not hold the weights of imis-net"):
        load(CARD, tmp_path / "other.pth", "cpu")


def test_a_network_of_new_training_has_its_own_ways(
    fake_imis_net: dict[str, Any], without_the_vocabulary: list[list[str]]
) -> None:
    settings = replace(read_settings("paper"), side=64)
    session = ImisModel(CARD, fake_imis_net["filled"](fake_imis_net["SMALL"], settings)).start(picture())
    answer = session.predict([Text("brain stem")])
    assert without_the_vocabulary == [["A segmentation area of a brain stem."]]
    assert answer.logits.shape == (110, 150)
    assert answer.memory.logits.shape == (1, 16, 16)


@pytest.mark.parametrize("size", [(7, 301), (130, 1), (300, 257)])
def test_the_nearest_pixel_is_pillows(size: tuple[int, int]) -> None:
    image = np.random.default_rng(2).integers(0, 256, (*size, 3), np.uint8)
    expected = np.array(PIL.Image.fromarray(image).resize((128, 128), PIL.Image.Resampling.NEAREST))
    square = stretch(image, 128, "nearest")
    np.testing.assert_array_equal(square[0].permute(1, 2, 0).numpy(), expected)
    smooth = stretch(image, 128, "bilinear")
    assert smooth.shape == square.shape
    assert not torch.equal(smooth, square)


def test_normal_pixels() -> None:
    square = torch.tensor([123.675, 116.28 + 57.12, 103.53 - 57.375])[None, :, None, None]
    torch.testing.assert_close(normalise(square).flatten(), torch.tensor([0.0, 1.0, -1.0]), atol=1e-6, rtol=0)
