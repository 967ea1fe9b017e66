from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from baselines.imis_lite import adapter
from baselines.imis_lite.adapter import LiteModel, LiteSession, load
from baselines.imis_lite.encoder import SIDE, encode, stretched
from baselines.imis_lite.network import MASKS, ImisLite
from baselines.imis_lite.prompts import DRAWN, Prompts
from baselines.imis_lite.views import plain, reduced
from imedbench.errors import MissingWeights
from imedbench.models.base import Card, Model, ProposalSession
from imedbench.types import Box, Click, Image, MaskPrompt, Prediction, Prompt, Scribble

CARD = Card("imis-lite", "small", "baselines.imis_lite.adapter:load", ("click", "box", "mask"), (2,), "Apache-2.0", "")
SIZE = (96, 128)
BOX = Box((19.0, 50.0), (58.0, 90.0))
CLICK = Click((38.0, 70.0))
OUTSIDE = Click((90.0, 10.0), inside=False)


@pytest.fixture(autouse=True)
def read_once(lite: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "lite_medsam", lambda: lite)


@pytest.fixture(scope="module")
def model(lite: Any, network: ImisLite) -> LiteModel:
    return LiteModel(CARD, lite.image_encoder, network)


@pytest.fixture(scope="module")
def image(tools: dict[str, Any]) -> Image:
    phantom: Image = tools["phantom"](SIZE)
    return phantom


@pytest.fixture(scope="module")
def session(model: LiteModel, image: Image) -> LiteSession:
    return model.start(image)


def by_hand(lite: Any, network: ImisLite, image: Image, prompts: Prompts) -> tuple[Tensor, Tensor]:
    """The first masks as the network draws them, and on the image's grid of 96 x 128, half of the square."""
    import cv2

    square = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    square[0, :192] = cv2.resize(stretched(image.voxels), (256, 192), interpolation=cv2.INTER_AREA)[..., None]
    with torch.inference_mode():
        answers = network(encode(lite.image_encoder, torch.from_numpy(square), (192, 256)), prompts)
        coarse = answers.logits[:, :1]
        return coarse[:, 0], functional.interpolate(coarse[..., :192, :], SIZE, mode="bilinear")[:, 0]


def test_answers_as_the_network(lite: Any, network: ImisLite, image: Image, session: LiteSession) -> None:
    assert isinstance(session, ProposalSession)
    earlier = session.predict([CLICK])
    answer = session.predict([CLICK, OUTSIDE, BOX], earlier)
    asked = Prompts.of(
        (torch.tensor([[[140.5, 76.5], [20.5, 180.5]]]), torch.tensor([[1, 0]])),
        torch.tensor([[100.0, 38.0, 179.0, 115.0]]),
        earlier.memory[None],
    )
    coarse, full = by_hand(lite, network, image, asked)
    assert answer.logits.shape == SIZE
    assert answer.logits.dtype == np.float32
    np.testing.assert_allclose(answer.logits, full[0], atol=2e-2)
    torch.testing.assert_close(answer.memory, coarse[0], atol=2e-2, rtol=0)
    assert 0 <= answer.score <= 1


class Heard(Exception):
    """What a network was asked, instead of its answer."""


@pytest.fixture
def ask(lite: Any, network: ImisLite, tools: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The points that prompts on an image of a size become."""

    def hear(_: object, prompts: Prompts) -> None:
        raise Heard(prompts)

    def points(size: tuple[int, int], *prompts: Prompt) -> Any:
        session = LiteModel(CARD, lite.image_encoder, network).start(tools["phantom"](size))
        with pytest.raises(Heard) as heard:
            session.predict(prompts)
        return heard.value.args[0].points[0].numpy()

    monkeypatch.setattr(adapter, "encode", lambda *_, **__: None)
    monkeypatch.setattr(network, "see", lambda _: None)
    monkeypatch.setattr(network, "decode", hear)
    return points


@pytest.mark.parametrize("size", [(512, 512), (640, 900), (60, 100), (32, 25)])
def test_prompts_lie_on_the_square_as_in_training(ask: Callable[..., Any], size: tuple[int, int]) -> None:
    """A click on the middle of a mask and a box that fits, but for what rounds masks in training."""
    low, high = (size[0] // 4, size[1] // 3), (size[0] // 2, size[1] // 2 + 1)
    mask = np.zeros(size, bool)
    mask[low[0] : high[0], low[1] : high[1]] = True
    ys, xs = np.nonzero(reduced(plain(size).mask(mask)[None], SIDE)[0] >= 0.5)
    middle = tuple((first + end - 1) / 2 for first, end in zip(low, high, strict=True))
    expected = [[xs.mean(), ys.mean()], [xs.min(), ys.min()], [xs.max(), ys.max()]]
    assert np.abs(ask(size, Click(middle), Box(low, high)) - expected).max() <= 0.75


def test_a_box_narrower_than_a_pixel_is_a_pixel(ask: Callable[..., Any]) -> None:
    points = ask((1024, 512), Box((400.0, 200.0), (402.0, 220.0)))
    assert points.tolist() == [[50, 99.75], [54, 99.75]]


def test_targets_of_different_prompts_keep_their_order(session: LiteSession) -> None:
    earlier = session.predict([BOX])
    prompts: list[list[Prompt]] = [
        [BOX],
        [CLICK, BOX],
        [CLICK],
        [BOX, MaskPrompt(earlier.logits)],
        [BOX],
        [MaskPrompt(earlier.logits)],
        [OUTSIDE, CLICK],
        *([Click((float(place), 50.0))] for place in range(30, 40)),
    ]
    previous: list[Prediction | None] = [None] * len(prompts)
    previous[4] = earlier
    together = session.predict_many(prompts, previous)
    alone = [session.predict(each, last) for each, last in zip(prompts, previous, strict=True)]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.logits, other.logits, atol=1e-3)
        assert one.score == pytest.approx(other.score, abs=1e-4)
    assert np.abs(together[4].logits - together[0].logits).max() > 1e-2
    assert session.predict_many([]) == []


def test_a_mask_prompt_goes_before_the_last_answer(session: LiteSession) -> None:
    earlier = session.predict([BOX])
    mask = MaskPrompt(np.where(earlier.logits > 0, -3, 3).astype(np.float32))
    both, alone, without = (
        session.predict([CLICK, mask], earlier), session.predict([CLICK, mask]), session.predict([CLICK], earlier)
    )  # fmt: skip
    np.testing.assert_array_equal(both.logits, alone.logits)
    assert np.abs(both.logits - without.logits).max() > 1e-2


def test_an_answer_given_as_a_mask_is_nearly_its_memory(session: LiteSession) -> None:
    earlier = session.predict([BOX])
    memory, mask = session.predict([CLICK], earlier), session.predict([CLICK, MaskPrompt(earlier.logits)])
    first = session.predict([CLICK])
    off, far = (np.abs(each.logits - memory.logits).mean() for each in (mask, first))
    assert off < 0.5 * far


def test_proposals(session: LiteSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four masks for a click and one for a box, those worth more than the score; numbers say whose."""
    # Weights of no training are sure of nothing.
    monkeypatch.setattr(adapter, "_OFFSET", 0.02)
    prompts: list[Click | Box] = [CLICK, BOX, *(Click((8.0 * place, 60.0)) for place in range(1, 11)), BOX]
    every = session.propose(prompts, -1.0)
    assert every.logits.shape == (11 * MASKS + 2, DRAWN, DRAWN)
    assert every.prompt.bincount().tolist() == [4, 1, *[4] * 10, 1]
    for number, prompt in ((0, CLICK), (1, BOX)):
        single = session.predict([prompt])
        first = every.logits[every.prompt == number][0]
        torch.testing.assert_close(first, single.memory, atol=1e-3, rtol=0)
        np.testing.assert_allclose(session.enlarge(first[None])[0], single.logits, atol=1e-3)
        firm = int((first > 0.02).sum()) / max(1, int((first > -0.02).sum()))
        worth = float(every.scores[every.prompt == number][0])
        assert worth == pytest.approx(single.score * firm, abs=1e-4)
    least = float(every.scores.median())
    some = session.propose(prompts, least)
    kept = every.scores > least
    assert 0 < len(some.scores) < len(every.scores)
    torch.testing.assert_close(some.scores, every.scores[kept])
    assert torch.equal(some.prompt, every.prompt[kept])
    torch.testing.assert_close(some.logits, every.logits[kept], atol=1e-3, rtol=0)
    for none in (session.propose([], -1.0), session.propose(prompts, 1.0)):
        assert [len(each) for each in (none.logits, none.scores, none.prompt)] == [0, 0, 0]
        assert session.enlarge(none.logits).shape == (0, *SIZE)


def test_what_does_not_fit_is_refused(model: LiteModel, session: LiteSession) -> None:
    with pytest.raises(ValueError, match="imis-lite takes one box a target, not 2"):
        session.predict([BOX, BOX])
    with pytest.raises(ValueError, match="imis-lite takes click and box and mask prompts, not scribble"):
        session.predict([Scribble(np.array([[3, 3]], np.int32))])
    with pytest.raises(ValueError, match="without a click, a box or a mask"):
        session.predict([])
    with pytest.raises(ValueError, match="imis-lite takes 2-D images, not 3-D"):
        model.start(Image(np.zeros((8, 8, 8), np.uint8), (1.0, 1.0, 1.0), np.eye(4), "ct"))
    with pytest.raises(ValueError, match="not float32 of 1"):
        model.start(Image(np.zeros((8, 8), np.float32), (1.0, 1.0), np.eye(4), "ct"))


def test_loads_weights_in_half_precision(network: ImisLite, session: LiteSession, image: Image, tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    save_file({name: value.half().contiguous() for name, value in network.state_dict().items()}, path)
    assert path.stat().st_size < 25e6
    model = load(CARD, path, "cpu")
    assert isinstance(model, Model)
    answer, exact = model.start(image).predict([BOX]), session.predict([BOX])
    assert answer.memory.dtype == torch.float32
    assert ((answer.logits > 0) != (exact.logits > 0)).mean() < 0.02
    with pytest.raises(MissingWeights, match="imis-lite needs a checkpoint"):
        load(CARD, None, "cpu")
    torch.save({"liver": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(MissingWeights, match="does not hold the weights of imis-lite"):
        load(CARD, tmp_path / "other.pth", "cpu")
