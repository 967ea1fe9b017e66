"""What every model of the catalogue must do, whatever it is.

Those with weights that cannot be had here run on small seeded random ones: the contract is about the adapter.
"""

import copy
import itertools
import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from imedbench import catalog
from imedbench.models import load
from imedbench.models.base import Card, Model, Session
from imedbench.models.slicewise import Slicewise
from imedbench.types import Box, Click, Image, MaskPrompt, Prediction, Prompt, Scribble, Text

FAKES = Path(__file__).resolve().parents[1] / "fakes"
OFFLINE = ("imis-lite", "lite-medsam", "threshold", "oracle")


def seeded_sam(name: str) -> Model:
    from baselines.sam import network
    from baselines.sam.adapted import adapt
    from baselines.sam.adapter import SamModel

    sam = copy.deepcopy(runpy.run_path(str(FAKES / "sam.py"))["random_sam"](side=128, width=32, depth=2, heads=2))
    wrap: Callable[[Any], Any] = network.from_medsam if name == "medsam" else network.from_sam
    if name == "sam-med2d":
        adapt(sam.image_encoder)
        sam.requires_grad_(False)
        wrap = network.from_med2d
    return SamModel(catalog.card(name), wrap(sam))


def seeded_sam2(name: str, folder: Path) -> Model:
    from baselines.sam2.network import GEOMETRIES, Geometry

    small = Geometry(width=24, blocks=(1, 1, 2, 1), attends_everywhere=(3,), side=128)
    path = runpy.run_path(str(FAKES / "sam2.py"))["write_checkpoint"](folder / f"{name}.pt", small)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(GEOMETRIES, name, small)
        return load(name, path, "cpu")


def seeded_imis_net() -> Model:
    pytest.importorskip("open_clip", reason="its texts need CLIP's vocabulary")
    from baselines.imis_net import CARD
    from baselines.imis_net.adapter import ImisModel
    from baselines.imis_net.settings import read_settings

    fake = runpy.run_path(str(FAKES / "imis_net.py"))
    return ImisModel(CARD, fake["filled"](fake["SMALL"], replace(read_settings("released"), side=128)))


def seeded_prism(name: str) -> Model:
    from baselines.prism.adapter import PrismModel
    from baselines.prism.intake import of_each
    from baselines.prism.network import Prism

    fake = runpy.run_path(str(FAKES / "prism.py"))
    return PrismModel(catalog.card(name), fake["fill"](Prism(fake["small"]())), of_each())


@pytest.fixture(scope="module", params=list(catalog.MODELS))
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    name: str = request.param
    if name in OFFLINE:
        return load(name, device="cpu")
    if "sam2" in name:
        return seeded_sam2(name, tmp_path_factory.mktemp("weights"))
    if name.startswith("prism"):
        return seeded_prism(name)
    return seeded_imis_net() if name == "imis-net" else seeded_sam(name)


def picture(height: int = 61, width: int = 90) -> Image:
    rows, columns = np.mgrid[:height, :width]
    disc = ((rows - 30) ** 2 + (columns - 40) ** 2 < 15**2) * 120
    noise = np.random.default_rng(4).integers(0, 30, (height, width))
    return Image((40 + disc + noise).astype(np.uint8), (1.0, 1.0), np.eye(4), "ct")


def volume() -> Image:
    flat = picture(40, 50).voxels.astype(np.float32) * 4 - 500
    return Image(np.stack([flat] * 4), (3.0, 1.0, 1.0), np.eye(4), "mr")


def every_kind(grid: tuple[int, ...]) -> dict[str, Prompt]:
    """A prompt of each kind; the mask comes last, as an evaluation gives the truth."""
    middle = tuple(length // 2 for length in grid)
    truth = np.full(grid, -4, np.float32)
    truth[tuple(slice(at - 1, at + 2) for at in middle)] = 4
    return {
        "click": Click(tuple(map(float, middle))),
        "box": Box(
            tuple(max(0.0, at - 9.0) for at in middle),
            tuple(min(at + 9.0, n) for at, n in zip(middle, grid, strict=True)),
        ),
        "scribble": Scribble(np.array([middle, (*middle[:-1], middle[-1] + 1)], np.int32)),
        "text": Text("disc"),
        "mask": MaskPrompt(truth),
    }


def accepted(card: Card, grid: tuple[int, ...]) -> list[list[Prompt]]:
    """Lists of prompts that the model takes: each kind alone, and all together."""
    taken = [prompt for kind, prompt in every_kind(grid).items() if kind in card.prompts]
    if card.sees_truth:
        return [[*([prompt] if prompt is not taken[-1] else []), taken[-1]] for prompt in taken]
    return [*([prompt] for prompt in taken), taken]


def check(answer: Prediction, grid: tuple[int, ...]) -> None:
    assert answer.logits.shape == grid
    assert answer.logits.dtype == np.float32
    assert np.isfinite(answer.logits).all()
    assert np.isfinite(answer.score)


def same(one: Prediction, other: Prediction) -> None:
    atol = 1e-3 * max(1.0, float(np.abs(other.logits).max()))
    np.testing.assert_allclose(one.logits, other.logits, atol=atol)
    assert one.score == pytest.approx(other.score, abs=1e-3)


def images(card: Card) -> list[Image]:
    return [image for image in (picture(), volume()) if len(image.grid) in card.dimensions]


def test_keeps_the_protocols(model: Model) -> None:
    assert isinstance(model, Model)
    assert model.card.name in catalog.MODELS
    assert set(model.card.prompts) <= set(every_kind((5, 5)))
    assert all(isinstance(model.start(image), Session) for image in images(model.card))


def test_one_is_as_many_and_the_order_of_targets_is_kept(model: Model) -> None:
    for image in images(model.card):
        session = model.start(image)
        prompts = accepted(model.card, image.grid) * 2
        alone = [session.predict(each) for each in prompts]
        together = session.predict_many(prompts)
        # Which batch a target is in must not matter, nor what has been asked before.
        backwards = session.predict_many(prompts[::-1])[::-1]
        for one, many, other in zip(alone, together, backwards, strict=True):
            check(one, image.grid)
            same(many, one)
            same(other, one)


def test_follow_up_turns(model: Model) -> None:
    for image in images(model.card):
        session = model.start(image)
        prompts = accepted(model.card, image.grid)
        first = session.predict_many(prompts)
        before = [answer.logits.copy() for answer in first]
        second = session.predict_many(prompts, first)
        for each, last, answer, logits in zip(prompts, first, second, before, strict=True):
            check(answer, image.grid)
            same(session.predict(each, last), answer)
            np.testing.assert_array_equal(last.logits, logits)


def test_the_same_twice(model: Model) -> None:
    image = images(model.card)[0]
    prompts = accepted(model.card, image.grid)
    one, other = (model.start(image).predict_many(prompts) for _ in range(2))
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first.logits, second.logits)
        assert first.score == second.score


def test_unknown_kinds_are_refused(model: Model) -> None:
    image = images(model.card)[0]
    session = model.start(image)
    for kind, prompt in every_kind(image.grid).items():
        if kind not in model.card.prompts:
            with pytest.raises(ValueError, match=f"{model.card.name} takes .* not {kind}"):
                session.predict([prompt])


def test_other_dimensions_are_refused(model: Model) -> None:
    for image in (picture(), volume()):
        if len(image.grid) not in model.card.dimensions:
            with pytest.raises(ValueError, match=f"{model.card.name} takes .* images, not {len(image.grid)}-D"):
                model.start(image)


@pytest.mark.parametrize("size", [(7, 301), (33, 35), (130, 1), (257, 255)])
def test_odd_sizes(model: Model, size: tuple[int, int]) -> None:
    image = picture(*size)
    if 2 not in model.card.dimensions:
        # Thin volumes, a sixth as wide.
        voxels = image.voxels[None, ::6, ::6].repeat(3, 0).astype(np.float32)
        image = replace(volume(), voxels=voxels)
    prompts: dict[str, Prompt] = {
        "box": Box((0.0,) * len(image.grid), tuple(map(float, image.grid))),
        "click": Click(tuple(length - 1.0 for length in image.grid)),
        "mask": MaskPrompt(np.full(image.grid, -1, np.float32)),
    }
    taken = [prompt for kind, prompt in prompts.items() if kind in model.card.prompts]
    check(model.start(image).predict(taken), image.grid)


def test_a_box_of_one_pixel_and_clicks_on_the_border(model: Model) -> None:
    image = images(model.card)[0]
    session = model.start(image)
    asked: list[Prompt] = []
    if "box" in model.card.prompts:
        lows = [tuple(float(n // 2) for n in image.grid), tuple(n - 1.0 for n in image.grid)]
        asked += [Box(low, tuple(at + 1 for at in low)) for low in lows]
    if "click" in model.card.prompts:
        asked += [Click(corner) for corner in itertools.product(*((0.0, n - 1.0) for n in image.grid))]
    truth = [every_kind(image.grid)["mask"]] if model.card.sees_truth else []
    for answer in session.predict_many([[each, *truth] for each in asked]):
        check(answer, image.grid)


def test_nothing_asked_nothing_answered(model: Model) -> None:
    assert model.start(images(model.card)[0]).predict_many([]) == []


def test_a_full_memory_is_the_callers_to_handle(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    # As a GPU's, which the caller answers with smaller batches.
    def full(*_: Any, **__: Any) -> Any:
        raise torch.OutOfMemoryError

    decoder = getattr(getattr(model, "_network", None), "mask_decoder", None)
    if decoder is None:
        pytest.skip("runs no network")
    image = images(model.card)[0]
    session = model.start(image)
    for module in decoder.modules():
        monkeypatch.setattr(module, "forward", full)
    with pytest.raises(torch.OutOfMemoryError):
        session.predict([every_kind(image.grid)["box"]])


@pytest.mark.parametrize("propagate", ["box", "none"])
def test_runs_on_volumes_slice_by_slice(model: Model, propagate: Any) -> None:
    if 2 not in model.card.dimensions or model.card.sees_truth:
        pytest.skip("not a 2-D model that answers its prompts")
    image = volume()
    session = Slicewise(model, propagate).start(image)
    box = Box((1.0, 10.0, 10.0), (2.0, 30.0, 30.0))
    answers = session.predict_many([[box], [box]])
    for answer in answers:
        check(answer, image.grid)
        same(answer, session.predict([box]))
