"""Sessions answer as transformers' own processor and model for images do, with the same weights."""

from typing import Any

import numpy as np
import pytest
import torch

from baselines.sam2 import MEDSAM2, SAM2_TINY
from baselines.sam2.adapter import Sam2, load
from imedbench.errors import MissingWeights
from imedbench.models.base import Model, Session
from imedbench.types import Box, Click, Image, MaskPrompt, Prompt, Text

BOX = Box((20.0, 30.0), (70.0, 90.0))
CLICK = Click((40.0, 50.0))
OUTSIDE = Click((90.0, 20.0), inside=False)


def picture(height: int = 110, width: int = 150) -> Image:
    rows, columns = np.mgrid[:height, :width]
    disc = ((rows - 45) ** 2 + (columns - 60) ** 2 < 24**2) * 120
    noise = np.random.default_rng(4).integers(0, 30, (height, width, 3))
    return Image((40 + disc[..., None] + noise).astype(np.uint8), (1.0, 1.0), np.eye(4), "ct", ("r", "g", "b"))


@pytest.fixture(scope="module")
def sam2(network: Any) -> Sam2:
    return Sam2(SAM2_TINY, network)


@pytest.fixture(scope="module")
def reference(network: Any) -> tuple[Any, Any]:
    """transformers' own model for images with the same weights, and its image processor."""
    from transformers import Sam2Config, Sam2ImageProcessor, Sam2Model

    config = Sam2Config(
        vision_config=network.config.vision_config,
        prompt_encoder_config={"image_size": 128},
        mask_decoder_config=network.config.mask_decoder_config.to_dict(),
    )
    model = Sam2Model(config)
    state = network.state_dict()
    model.load_state_dict({key: state[key] for key in model.state_dict()})
    return model.eval(), Sam2ImageProcessor(size={"height": 128, "width": 128})


@pytest.mark.parametrize(
    ("prompts", "points", "labels", "box"),
    [
        ([CLICK], [[50, 40]], [1], None),
        ([CLICK, OUTSIDE], [[50, 40], [20, 90]], [1, 0], None),
        ([BOX], None, None, [30, 20, 89, 69]),
        ([BOX, CLICK], [[50, 40]], [1], [30, 20, 89, 69]),
    ],
)
def test_answers_as_transformers(
    sam2: Sam2, reference: tuple[Any, Any], prompts: list[Prompt], points: Any, labels: Any, box: Any
) -> None:
    model, processor = reference
    image = picture()
    # As floats: transformers rounds resized 8-bit pixels, and SAM 2's own transform does not.
    pixels = processor(images=image.voxels.astype(np.float32), return_tensors="pt")
    scale = torch.tensor([128 / 150, 128 / 110])
    given: dict[str, Any] = {"pixel_values": pixels["pixel_values"]}
    if points is not None:
        given |= {"input_points": torch.tensor(points)[None, None] * scale, "input_labels": torch.tensor([[labels]])}
    if box is not None:
        given["input_boxes"] = torch.tensor([[box]]) * scale.repeat(2)
    with torch.inference_mode():
        found = model(**given, multimask_output=len(prompts) == 1 and box is None)
        full = processor.post_process_masks(found.pred_masks, [(110, 150)], binarize=False)[0][0]
    best = int(found.iou_scores[0, 0].argmax())
    answer = sam2.start(image).predict(prompts)
    assert answer.score == pytest.approx(float(found.iou_scores[0, 0, best]), abs=1e-3)
    expected = full[best].numpy()
    np.testing.assert_allclose(answer.logits, expected, atol=5e-3 * np.abs(expected).max())
    assert answer.logits.shape == (110, 150)
    assert answer.logits.dtype == np.float32


def test_keeps_the_protocols(sam2: Sam2) -> None:
    assert isinstance(sam2, Model)
    assert isinstance(sam2.start(picture()), Session)


def test_targets_of_different_prompts_keep_their_order(sam2: Sam2) -> None:
    session = sam2.start(picture())
    earlier = session.predict([BOX])
    prompts: list[list[Prompt]] = [
        [BOX],
        [CLICK, BOX],
        [Box((0.0, 0.0), (20.0, 20.0))],
        [BOX, MaskPrompt(earlier.logits)],
        [BOX],
        [MaskPrompt(earlier.logits)],
        *([Click((float(place), 50.0))] for place in range(30, 36)),
    ]
    previous = [None, None, None, None, earlier, *[None] * 7]
    together = session.predict_many(prompts, previous)
    alone = [session.predict(each, last) for each, last in zip(prompts, previous, strict=True)]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.logits, other.logits, atol=2e-3 * np.abs(other.logits).max())
        assert one.score == pytest.approx(other.score, abs=1e-4)
    assert np.abs(together[4].logits - together[0].logits).max() > 1e-3


def test_a_mask_alone_comes_without_points(sam2: Sam2, network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # As SAM2ImagePredictor has it; transformers' own models add a point that is none.
    decode, tokens = network.mask_decoder.forward, []

    def watched(**given: Any) -> Any:
        tokens.append(given["sparse_prompt_embeddings"].shape[2])
        return decode(**given)

    monkeypatch.setattr(network.mask_decoder, "forward", watched)
    session = sam2.start(picture())
    mask = MaskPrompt(np.where(np.indices((110, 150))[0] < 50, 4, -4).astype(np.float32))
    assert session.predict([mask]).logits.shape == (110, 150)
    session.predict([mask, CLICK])
    assert tokens == [0, 2]


def test_what_does_not_fit_is_refused(sam2: Sam2, network: Any) -> None:
    session = sam2.start(picture())
    with pytest.raises(ValueError, match="sam2-tiny takes one box a target, not 2"):
        session.predict([BOX, BOX])
    with pytest.raises(ValueError, match="sam2-tiny takes click and box and mask prompts, not text"):
        session.predict([Text("liver")])
    with pytest.raises(ValueError, match="medsam2 takes box prompts, not click"):
        Sam2(MEDSAM2, network).start(picture()).predict([CLICK])
    with pytest.raises(ValueError, match="not float32 of 1"):
        sam2.start(Image(np.zeros((8, 8), np.float32), (1.0, 1.0), np.eye(4), "ct"))
    with pytest.raises(MissingWeights, match="sam2-tiny needs a checkpoint"):
        load(SAM2_TINY, None, "cpu")
