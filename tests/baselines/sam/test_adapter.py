"""Sessions answer as the networks' own code does."""

import copy
import warnings
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

from baselines.sam import LITE_MEDSAM, MEDSAM, SAM_MED2D, SAM_VIT_B
from baselines.sam.adapter import SamModel, load
from baselines.sam.network import from_med2d, from_medsam, from_sam
from imedbench.errors import MissingWeights
from imedbench.models.base import Model, ProposalSession, Session
from imedbench.types import Box, Click, Image, MaskPrompt, Scribble, Text

BOX = Box((20.0, 30.0), (70.0, 90.0))
CLICK = Click((40.0, 50.0))


def picture(height: int = 110, width: int = 150, channels: int = 3) -> Image:
    rows, columns = np.mgrid[:height, :width]
    disc = ((rows - 45) ** 2 + (columns - 60) ** 2 < 24**2) * 120
    noise = np.random.default_rng(4).integers(0, 30, (height, width, channels))
    voxels = (40 + disc[..., None] + noise).astype(np.uint8)
    return Image(voxels if channels > 1 else voxels[..., 0], (1.0, 1.0), np.eye(4), "ct", ("",) * channels)


@pytest.fixture(scope="module")
def lite(lite_network: Any) -> SamModel:
    return SamModel(LITE_MEDSAM, lite_network)


@pytest.fixture(scope="module")
def sam(random_network: Any) -> SamModel:
    return SamModel(SAM_VIT_B, random_network)


def test_models_and_sessions_keep_the_protocols(lite: SamModel) -> None:
    session = lite.start(picture())
    assert isinstance(lite, Model)
    assert isinstance(session, Session)
    assert isinstance(session, ProposalSession)


@pytest.mark.parametrize(
    ("prompts", "points", "labels", "box"),
    [
        ([CLICK], [[50, 40]], [1], None),
        ([CLICK, Click((90.0, 20.0), inside=False)], [[50, 40], [20, 90]], [1, 0], None),
        ([BOX], None, None, [30, 20, 89, 69]),
        ([BOX, CLICK], [[50, 40]], [1], [30, 20, 89, 69]),
    ],
)
def test_sam_answers_as_its_predictor(
    sam: SamModel, random_sam: Any, prompts: list[Any], points: Any, labels: Any, box: Any
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from segment_anything import SamPredictor
    image = picture()
    predictor = SamPredictor(copy.deepcopy(random_sam))
    predictor.set_image(image.voxels)
    arrays = [None if values is None else np.array(values) for values in (points, labels, box)]
    lone = len(prompts) == 1 and box is None
    masks, scores, _ = predictor.predict(*arrays, multimask_output=lone, return_logits=True)
    answer = sam.start(image).predict(prompts)
    assert answer.score == pytest.approx(scores.max(), abs=1e-3)
    np.testing.assert_allclose(answer.logits, masks[scores.argmax()], atol=2e-3 * np.abs(masks).max())


def test_lite_answers_a_box_as_its_own_inference(lite: SamModel, plain_lite: Any) -> None:
    image = picture()
    fitted = cv2.resize(image.voxels, (256, 188), interpolation=cv2.INTER_AREA).astype(np.float64)
    fitted = (fitted - fitted.min()) / (fitted.max() - fitted.min())
    square = np.pad(fitted, ((0, 68), (0, 0), (0, 0)))
    tensor = torch.from_numpy(square).float().permute(2, 0, 1)[None]
    with torch.no_grad():
        coarse = plain_lite(tensor, np.array([[30, 20, 89, 69]]) * 256 / 150)
        expected = functional.interpolate(coarse[..., :188, :256], (110, 150), mode="bilinear")[0, 0].numpy()
    answer = lite.start(image).predict([BOX])
    np.testing.assert_allclose(answer.logits, expected, atol=1e-3 * np.abs(expected).max())
    assert answer.logits.dtype == np.float32
    # It found the disc.
    assert (answer.logits > 0)[45, 60]
    assert not (answer.logits > 0)[100, 140]


def decoded(sam: Any, square: torch.Tensor, several: bool, **prompts: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """The masks and scores of the network's own modules for a (3, side, side) image."""
    with torch.inference_mode():
        sparse, dense = sam.prompt_encoder(
            points=prompts.get("points"), boxes=prompts.get("boxes"), masks=prompts.get("masks")
        )
        masks, scores = sam.mask_decoder(
            image_embeddings=sam.image_encoder(square[None]),
            image_pe=sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=several,
        )
    return masks, scores


def test_medsam_answers_as_its_own_inference(random_sam: Any) -> None:
    image = picture()
    transform = pytest.importorskip("skimage.transform", reason="scikit-image is the reference")
    fitted = transform.resize(image.voxels, (256, 256), order=3, preserve_range=True, anti_aliasing=True)
    fitted = fitted.astype(np.uint8).astype(np.float64)
    fitted = (fitted - fitted.min()) / np.clip(fitted.max() - fitted.min(), 1e-8, None)
    box = torch.tensor([[30, 20, 89, 69]]) / torch.tensor([150, 110, 150, 110]) * 256
    masks, _ = decoded(random_sam, torch.from_numpy(fitted).float().permute(2, 0, 1), several=False, boxes=box)
    likely = functional.interpolate(torch.sigmoid(masks), (110, 150), mode="bilinear")[0, 0].numpy()
    answer = SamModel(MEDSAM, from_medsam(copy.deepcopy(random_sam))).start(image).predict([BOX])
    np.testing.assert_allclose(1 / (1 + np.exp(-answer.logits)), likely, atol=0.02)
    assert np.mean((answer.logits > 0) != (likely > 0.5)) < 1e-3


@pytest.mark.parametrize(
    ("prompts", "given"),
    [
        ([CLICK, CLICK], {"points": (torch.tensor([[[50.0, 40.0]] * 2]), torch.ones(1, 2))}),
        # Its boxes end beyond the last pixel.
        ([BOX], {"boxes": torch.tensor([[30.0, 20.0, 90.0, 70.0]])}),
    ],
)
def test_sam_med2d_answers_with_the_best_of_three_masks(random_sam: Any, prompts: list[Any], given: Any) -> None:
    image = picture()
    nearest = cv2.resize(image.voxels, (256, 256), interpolation=cv2.INTER_NEAREST)
    square = (nearest - np.array([123.675, 116.28, 103.53])) / np.array([58.395, 57.12, 57.375])
    scale = torch.tensor([256 / 150, 256 / 110])
    if "points" in given:
        given = {"points": (given["points"][0] * scale, given["points"][1])}
    else:
        given = {"boxes": given["boxes"] * scale.repeat(2)}
    masks, scores = decoded(random_sam, torch.from_numpy(square).float().permute(2, 0, 1), several=True, **given)
    best = int(scores[0].argmax())
    full = functional.interpolate(masks[:, best : best + 1], (256, 256), mode="bilinear")
    expected = functional.interpolate(full, (110, 150), mode="bilinear")[0, 0].numpy()
    answer = SamModel(SAM_MED2D, from_med2d(copy.deepcopy(random_sam))).start(image).predict(prompts)
    assert answer.score == pytest.approx(float(scores.max()), abs=1e-3)
    np.testing.assert_allclose(answer.logits, expected, atol=2e-3 * np.abs(expected).max())


def test_targets_of_different_prompts_keep_their_order(sam: SamModel) -> None:
    session = sam.start(picture())
    earlier = session.predict([BOX])
    prompts = [[BOX], [CLICK, BOX], [Box((0.0, 0.0), (20.0, 20.0))], [BOX, MaskPrompt(earlier.logits)], [BOX]]
    previous = [None, None, None, None, earlier]
    together = session.predict_many(prompts, previous)
    alone = [session.predict(each, last) for each, last in zip(prompts, previous, strict=True)]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.logits, other.logits, atol=1e-3)
        assert one.score == pytest.approx(other.score, abs=1e-4)
    # A mask prompt is nearly the same as the previous answer, which is kept on the decoder's own grid; both matter.
    assert np.mean((together[3].logits > 0) != (together[4].logits > 0)) < 0.001
    assert np.abs(together[3].logits - together[0].logits).max() > 0.01


def test_proposals_are_the_predictions_above_the_score(lite: SamModel) -> None:
    session = lite.start(picture())
    boxes = [BOX, Box((0.0, 0.0), (20.0, 20.0)), Box((21.0, 36.0), (69.0, 84.0)), Box((80.0, 90.0), (105.0, 140.0))]
    answers = session.predict_many([[box] for box in boxes])
    scores = sorted(answer.score for answer in answers)
    candidates = session.propose(boxes, (scores[1] + scores[2]) / 2)
    assert sorted(candidates.prompt.tolist()) == sorted(i for i in range(4) if answers[i].score > scores[1])
    full = session.enlarge(candidates.logits).numpy()
    for logits, score, prompt in zip(full, candidates.scores.tolist(), candidates.prompt.tolist(), strict=True):
        np.testing.assert_allclose(logits, answers[prompt].logits, atol=1e-3)
        assert score == pytest.approx(answers[prompt].score, abs=1e-4)


def test_a_click_has_three_proposals_where_they_were_trained(sam: SamModel, lite: SamModel) -> None:
    for model, count in ((sam, 3), (lite, 1)):
        candidates = model.start(picture()).propose([CLICK, BOX, CLICK], -np.inf)
        assert sorted(candidates.prompt.tolist()) == sorted([0] * count + [1] + [2] * count)
    assert len(lite.start(picture()).propose([], 0.5).scores) == 0


def test_grey_is_three_equal_channels(lite: SamModel) -> None:
    grey = picture(channels=1)
    colour = Image(np.repeat(grey.voxels[..., None], 3, 2), (1.0, 1.0), np.eye(4), "ct", ("", "", ""))
    one, other = (lite.start(image).predict([BOX]).logits for image in (grey, colour))
    np.testing.assert_array_equal(one, other)


def test_two_channels_are_taken(lite: SamModel) -> None:
    assert lite.start(picture(channels=2)).predict([BOX]).logits.shape == (110, 150)


@pytest.mark.parametrize(
    ("voxels", "spacing", "fact"),
    [
        (np.zeros((4, 8, 8), np.uint8), (1.0, 1.0, 1.0), "2-D images, not 3-D"),
        (np.zeros((8, 8), np.float32), (1.0, 1.0), "not float32 of 1"),
        (np.zeros((8, 8, 4), np.uint8), (1.0, 1.0), "not uint8 of 4"),
    ],
)
def test_other_images_are_refused(lite: SamModel, voxels: Any, spacing: Any, fact: str) -> None:
    with pytest.raises(ValueError, match=fact):
        lite.start(Image(voxels, spacing, np.eye(4), "ct"))


@pytest.mark.parametrize(
    ("prompts", "fact"),
    [
        ([BOX, BOX], "one box a target, not 2"),
        ([Text("liver")], "takes box prompts, not text"),
        ([Scribble(np.zeros((1, 2), np.int32))], "not scribble"),
    ],
)
def test_other_prompts_are_refused(lite: SamModel, prompts: list[Any], fact: str) -> None:
    with pytest.raises(ValueError, match=fact):
        lite.start(picture()).predict(prompts)


def test_a_model_needs_weights() -> None:
    with pytest.raises(MissingWeights, match="sam-vit-b needs a checkpoint"):
        load(SAM_VIT_B, None, "cpu")


def test_from_sam_shares_the_weights(random_sam: Any) -> None:
    assert from_sam(random_sam).mask_decoder is random_sam.mask_decoder
