from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from baselines.prism import CARD, COLON, KITS_ORACLE_CROP, ORACLE_CROP, adapter
from baselines.prism.adapter import OUTSIDE, PrismModel, PrismSession, load, size_of
from baselines.prism.cubes import cut
from baselines.prism.intake import PUBLISHED, of_each
from baselines.prism.network import Prism
from baselines.prism.prompts import Prompts
from imedbench.errors import MissingWeights
from imedbench.types import Box, Click, Image, MaskPrompt, Prediction, Scribble, Text

GRID = (40, 50, 60)


def volume(grid: tuple[int, ...] = GRID, spacing: tuple[float, ...] = (1.0, 1.0, 1.0), channels: int = 0) -> Image:
    shape = (*grid, channels) if channels else grid
    return Image(np.random.default_rng(1).normal(size=shape).astype(np.float32), spacing, np.eye(4), "ct")


@pytest.fixture
def model(network: Prism) -> PrismModel:
    return PrismModel(CARD, network, of_each())


@pytest.fixture
def session(model: PrismModel) -> PrismSession:
    return model.start(volume())


def same(one: Prediction, other: Prediction) -> None:
    np.testing.assert_allclose(one.logits, other.logits, atol=2e-4, rtol=1e-4)
    assert one.score == pytest.approx(other.score, abs=1e-5)


def test_as_the_network_answers(network: Prism, session: PrismSession) -> None:
    """By hand: a cube around the click, axes turned; then what the first answer was told to the second."""
    corner = (8, 4, 24)
    voxels, beyond = of_each().normalise(volume().voxels)
    image = torch.from_numpy(cut(voxels, corner, 32, beyond=beyond).T.copy())[None, None]
    said = torch.zeros(1, 2, 32, 32, 32, dtype=torch.bool)
    said[0, 0, 16, 16, 17] = True
    with torch.inference_mode():
        seen = network.see(image)
        given = Prompts(torch.tensor([[[16, 16, 17]]]), torch.tensor([[1]]), None, torch.zeros_like(image))
        first = network(seen, given, said)
        said[0, 1, 10, 11, 13] = True
        box = torch.tensor([[6, 7, 9, 20, 20, 21]])
        given = Prompts(torch.tensor([[[10, 11, 13]]]), torch.tensor([[0]]), box, first.logits)
        second = network(seen, given, said)
    answer = session.predict([Click((25.0, 20.0, 40.0))])
    assert list(answer.memory) == [corner]
    assert answer.logits.shape == GRID
    part = answer.logits[8:40, 4:36, 24:56]
    np.testing.assert_allclose(part, first.logits[0, 0].numpy().T, atol=1e-3)
    assert (np.delete(answer.logits, np.s_[24:56], 2) == OUTSIDE).all()
    assert answer.score == pytest.approx(float(first.score / (2 - first.score)), abs=1e-5)
    again = session.predict([Click((21.0, 15.0, 34.0), inside=False), Box((17, 11, 30), (29, 24, 44))], answer)
    assert list(again.memory) == [corner]
    np.testing.assert_allclose(again.logits[8:40, 4:36, 24:56], second.logits[0, 0].numpy().T, atol=1e-3)


def test_an_image_is_encoded_once(session: PrismSession, monkeypatch: pytest.MonkeyPatch) -> None:
    first = session.predict([Click((25.0, 20.0, 40.0))])
    monkeypatch.setattr(session._network, "see", None)
    again = session.predict([Click((24.0, 21.0, 42.0), inside=False)], first)
    assert list(again.memory) == list(first.memory)


def test_features_are_bounded(session: PrismSession, monkeypatch: pytest.MonkeyPatch) -> None:
    session.predict([Click((20.0, 8.0, 8.0))])
    (one,) = session._seen.values()
    assert size_of(one) > 32**3 * 4 * 5
    monkeypatch.setitem(adapter._KEPT, "cpu", int(4.5 * size_of(one)))
    for place in range(13, 48, 5):
        session.predict([Click((20.0, float(place), float(place)))])
    assert len(session._seen) == 4


def test_a_large_target_is_encoded_once(session: PrismSession, monkeypatch: pytest.MonkeyPatch) -> None:
    first = session.predict([Box((0, 0, 0), GRID)])
    monkeypatch.setattr(session._network, "see", None)
    again = session.predict([Box((0, 0, 0), GRID), Click((3.0, 4.0, 5.0), inside=False)], first)
    assert len(again.memory) == len(first.memory) > 8


def test_features_keep_the_precision_of_the_products(network: Prism) -> None:
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        prepared = network.see(torch.zeros(1, 1, 32, 32, 32)).prepared
    assert {scale.skip.dtype for scale in prepared} == {torch.bfloat16}


def test_many_are_as_one(session: PrismSession) -> None:
    asked: list[Any] = [
        [Click((25.0, 20.0, 40.0))],
        [Box((3, 4, 5), (12, 20, 30))],
        [Click((25.0, 20.0, 40.0)), Scribble(np.array([[20, 20, 40], [21, 20, 40]], np.int32))],
        [Click((25.0, 20.0, 40.0), inside=False)],
    ]
    firsts = [session.predict(each) for each in asked]
    for one, other in zip(session.predict_many(asked), firsts, strict=True):
        same(one, other)
    nexts = [[Click((20.0, 10.0, 30.0))]] * 4
    together = session.predict_many(nexts, firsts)
    for one, given, last in zip(together, nexts, firsts, strict=True):
        same(one, session.predict(given, last))


def test_several_parts(session: PrismSession) -> None:
    """A cube for each; one that nothing new is said of keeps its answer."""
    first = session.predict([Click((5.0, 5.0, 5.0)), Click((35.0, 45.0, 55.0))])
    assert list(first.memory) == [(0, 0, 0), (8, 18, 28)]
    second = session.predict([Click((4.0, 4.0, 4.0), inside=False)], first)
    assert second.memory[8, 18, 28] is first.memory[8, 18, 28]
    assert second.memory[0, 0, 0] is not first.memory[0, 0, 0]
    assert first.memory[0, 0, 0].said[1].sum() == 0
    shared = first.logits[8:32, 18:32, 28:32]
    cubes = [first.memory[corner].logits[0].permute(2, 1, 0).numpy() for corner in first.memory]
    expected = (cubes[0][8:, 18:, 28:] + cubes[1][:24, :14, :4]) / 2
    np.testing.assert_allclose(shared, expected, atol=1e-5)


def test_a_large_box(session: PrismSession) -> None:
    answer = session.predict([Box((0, 0, 0), GRID)])
    assert len(answer.memory) > 8
    assert (answer.logits > OUTSIDE).all()


@pytest.mark.parametrize("grid", [(1, 50, 60), (12, 9, 20), (40, 20, 100)])
def test_volumes_smaller_than_a_cube(model: PrismModel, grid: tuple[int, int, int]) -> None:
    answer = model.start(volume(grid)).predict([Click((0.0, 4.0, 7.0)), Box((0, 0, 0), (1, 9, 20))])
    assert answer.logits.shape == grid
    assert np.isfinite(answer.logits).all()


def test_another_spacing(model: PrismModel) -> None:
    """On the image's grid; what it is near the last voxels, too."""
    image = volume((12, 30, 30), (3.0, 1.0, 0.7))
    answer = model.start(image).predict([Click((11.0, 15.0, 15.0))])
    (corner,) = answer.memory
    assert corner == (4, -1, -6)
    assert answer.logits.shape == image.grid
    cube = answer.memory[corner].logits[0].permute(2, 1, 0).numpy()
    assert answer.logits[11, 10, 20] == pytest.approx(cube[33 - 4, 10 + 1, 14 + 6], abs=1e-3)
    assert (answer.logits[0] == OUTSIDE).all()
    assert (answer.logits[2:] > OUTSIDE).all()


def test_one_thick_slice(model: PrismModel) -> None:
    """It becomes several slices of the network's; every prompt lies in it."""
    image = volume((1, 50, 60), (6.0, 0.8, 0.8))
    session = model.start(image)
    first = session.predict([Click((0.0, 20.0, 30.0)), Box((0, 10, 20), (1, 30, 45))])
    second = session.predict([Scribble(np.array([[0, 22, 31], [0, 23, 31]], np.int32), inside=False)], first)
    for answer in (first, second):
        assert answer.logits.shape == image.grid
        assert np.isfinite(answer.logits).all()
        assert (answer.logits[0, 12:28, 22:40] > OUTSIDE).all()


def test_the_papers_crop_without_a_truth(network: Prism) -> None:
    """There is nothing to cut out around: nothing is found."""
    session = PrismModel(ORACLE_CROP, network, of_each()).start(volume())
    answer = session.predict([Click((5.0, 5.0, 5.0)), MaskPrompt(np.full(GRID, -10, np.float32))])
    assert (answer.logits == OUTSIDE).all()


def test_an_earlier_mask(session: PrismSession) -> None:
    logits = np.full(GRID, -8, np.float32)
    logits[10:20, 12:22, 30:44] = 8
    answer = session.predict([MaskPrompt(logits)])
    assert list(answer.memory) == [(0, 1, 21)]
    other = session.predict([MaskPrompt(-logits)])
    assert len(other.memory) > 1
    click = Click((15.0, 15.0, 35.0))
    plain, told = session.predict([click]), session.predict([click, MaskPrompt(logits)])
    assert not np.allclose(plain.logits, told.logits, atol=1e-3)


def test_a_mask_between_clicks_forgets_none_of_them(session: PrismSession) -> None:
    first = session.predict([Click((25.0, 20.0, 40.0))])
    mask = MaskPrompt(np.full(GRID, -3, np.float32))
    second = session.predict([Click((21.0, 15.0, 34.0), inside=False), mask], first)
    ((corner, cube),) = second.memory.items()
    z, y, x = corner
    assert cube.said[0, 40 - x, 20 - y, 25 - z]
    assert cube.said[1, 34 - x, 15 - y, 21 - z]
    assert cube.said.sum() == 2


def test_nothing_said(session: PrismSession) -> None:
    answer = session.predict([])
    assert (answer.logits == OUTSIDE).all()
    assert answer.score == 0


def test_what_is_refused(model: PrismModel, session: PrismSession) -> None:
    with pytest.raises(ValueError, match="takes click and box and scribble and mask prompts, not text"):
        session.predict([Text("liver")])
    with pytest.raises(ValueError, match="outside the volume"):
        session.predict([Click((0.0, 0.0, 60.0))])
    with pytest.raises(ValueError, match="takes 3-D images, not 2-D"):
        model.start(Image(np.zeros((9, 9), np.uint8), (1.0, 1.0), np.eye(4), "ct"))


def test_the_first_channel_is_seen(model: PrismModel) -> None:
    image = volume(channels=2)
    alone = replace(image, voxels=image.voxels[..., 0])
    click = [Click((25.0, 20.0, 40.0))]
    same(model.start(image).predict(click), model.start(alone).predict(click))


def test_the_papers_crop(network: Prism) -> None:
    """Around the truth, which is used for nothing else; a user's prompts elsewhere are not seen."""
    session = PrismModel(ORACLE_CROP, network, of_each()).start(volume())
    truth = np.full(GRID, -10, np.float32)
    truth[20:24, 30:34, 40:44] = 10
    answer = session.predict([Click((5.0, 5.0, 5.0)), Click((22.0, 32.0, 42.0)), MaskPrompt(truth)])
    assert list(answer.memory) == [(6, 16, 26)]
    plain = PrismModel(CARD, network, of_each()).start(volume())
    same(answer, replace(plain.predict([Click((22.0, 32.0, 42.0))]), memory=None))


def test_checkpoints_say_how_they_are_fed(network: Prism, fake: dict[str, Any], tmp_path: Path) -> None:
    import json
    from dataclasses import asdict

    facts = {"settings": json.dumps(asdict(network.settings)), "intake": json.dumps(asdict(PUBLISHED["kits"]))}
    save_file(network.state_dict(), tmp_path / "ours.safetensors", facts)
    model = load(CARD, tmp_path / "ours.safetensors", "cpu")
    assert model._intake == PUBLISHED["kits"]
    assert model._network.settings == network.settings
    with pytest.raises(MissingWeights, match="imedbench train prism"):
        load(CARD, None, "cpu")
    save_file(network.state_dict(), tmp_path / "theirs.safetensors", {"settings": facts["settings"]})
    with pytest.raises(MissingWeights, match="name the model of that set: prism-colon, prism-pancreas"):
        load(CARD, tmp_path / "theirs.safetensors", "cpu")
    assert load(COLON, tmp_path / "theirs.safetensors", "cpu")._intake == PUBLISHED["colon"]
    cropped = load(KITS_ORACLE_CROP, tmp_path / "theirs.safetensors", "cpu")
    assert cropped._intake == PUBLISHED["kits"]
    assert cropped.card.sees_truth
    with pytest.raises(MissingWeights, match="name the model of that set: prism-colon-oracle-crop, prism-pancreas-or"):
        load(ORACLE_CROP, tmp_path / "theirs.safetensors", "cpu")
    torch.save({"model_state_dict": {"a": torch.zeros(1)}}, tmp_path / "best.pth.tar")
    with pytest.raises(MissingWeights, match="does not hold the weights of prism-colon"):
        load(COLON, tmp_path / "best.pth.tar", "cpu")
