import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from baselines.imis_lite import adapter, training
from baselines.imis_lite.course import LiteCourse
from baselines.imis_lite.encoder import SIDE
from baselines.imis_lite.network import Answers, ImageMaps, from_lite_medsam
from baselines.imis_lite.prompts import DRAWN, GRID, INSIDE, NOTHING, OUTSIDE, Prompts
from baselines.imis_lite.samples import LiteBatch
from baselines.imis_lite.training import SUBJECT, LiteTrainee, State
from baselines.training.curve import read_curve
from baselines.training.order import Place
from baselines.training.run import Hardware, Plan, train
from baselines.training.trainee import Chance
from imedbench.errors import MissingWeights
from imedbench.models.base import Card
from imedbench.store import Store
from imedbench.types import Click

CARD = Card("imis-lite", "small", "baselines.imis_lite.adapter:load", ("click", "box", "mask"), (2,), "Apache-2.0", "")
ALWAYS_THREE = {"rounds": (0, 0, 1), "mask": 0}
PER_TARGET = ("wanted", "other", "points", "kinds", "rough", "lone")
ALWAYS_FIVE = {"rounds": (0, 0, 0, 0, 1), "mask": 0}


@pytest.fixture(autouse=True)
def read_once(lite: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "lite_medsam", lambda: lite)
    monkeypatch.setattr(adapter, "lite_medsam", lambda: lite)


def course(**tables: dict[str, Any]) -> LiteCourse:
    small: dict[str, Any] = {
        "loop": {"steps": 2, "workers": 0, "seed": 3},
        "optimiser": {"rate": 1e-3, "clip": 1.0},
        "data": {"masks": 3, "variants": 2},
        "session": {"box": 0.3, "both": 0.2},
    }
    names = small.keys() | tables.keys()
    return LiteCourse.model_validate({name: {**small.get(name, {}), **tables.get(name, {})} for name in names})


def chance(step: int = 0, images: int = 1) -> Chance:
    return Chance(3, tuple(Place(step, number, 0, number) for number in range(images)))


def read(trainee: LiteTrainee, store: Path, *numbers: int) -> LiteBatch:
    samples = trainee.samples([Store.open(store)])
    return samples.collate([samples[Place(0, position, 0, number)] for position, number in enumerate(numbers)])


def trainee_of(wanted: LiteCourse, folder: Path) -> LiteTrainee:
    torch.manual_seed(0)
    return LiteTrainee(wanted, None, folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where features stay from test to test."""
    return tmp_path_factory.mktemp("features")


@pytest.fixture
def trainee(folder: Path) -> LiteTrainee:
    return trainee_of(course(session=ALWAYS_THREE), folder)


def lone_clicks(batch: LiteBatch) -> LiteBatch:
    """All asked for by their deepest point and nothing else."""
    points, kinds = torch.zeros_like(batch.points), torch.full_like(batch.kinds, NOTHING)
    pixel = batch.wanted.flatten(2).argmax(2)
    points[:, :, 0] = torch.stack([pixel % DRAWN, pixel // DRAWN], -1).float()
    kinds[:, :, 0] = INSIDE
    return batch._replace(points=points, kinds=kinds, lone=torch.ones_like(batch.lone))


def test_a_session(trainee: LiteTrainee, pictures: Path) -> None:
    """Each answer but the last leaves a click where it is wrong, with its label; the first and the last are judged."""
    state = trainee.begin(read(trainee, pictures, 0, 2), chance(images=2))
    assert state.rounds == 3
    assert trainee.rounds(state) == 2
    for number in range(2):
        losses = trainee.round(state, number)
        assert {"loss", "mask", "score", "iou"} <= set(losses)
        assert ("candidates" in losses) == (number == 0)
        assert all(torch.isfinite(value) and value.dim() == 0 for value in losses.values())
        assert 0 <= losses["iou"] <= 1
        count = 3 + number + 1
        assert state.points.shape == (6, count, 2)
        assert state.kinds.shape == (6, count)
        if not number:
            check_clicks(state)
    assert state.given == 3


def test_answers_between_are_only_given(folder: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainee = trainee_of(course(session=ALWAYS_FIVE), folder)
    state = trainee.begin(read(trainee, pictures, 0), chance())
    seen, decode = [], trainee.network.decode

    def watched(maps: ImageMaps, prompts: Prompts) -> Answers:
        answers = decode(maps, prompts)
        seen.append((prompts.points.shape[1], float(prompts.masked.mean()), answers.logits.requires_grad))
        return answers

    monkeypatch.setattr(trainee.network, "decode", watched)
    assert trainee.rounds(state) == 2
    for number in range(2):
        trainee.round(state, number)["loss"].backward()
    assert seen == [(3, 0, True), (4, 1, False), (5, 1, False), (6, 1, False), (7, 1, True)]


def test_a_rough_mask_is_what_is_bettered(folder: Path, pictures: Path) -> None:
    trainee = trainee_of(course(session={"box": 0, "both": 0, "mask": 1, "rounds": (1,)}), folder)
    batch = read(trainee, pictures, 0)
    state = trainee.begin(batch, chance())
    assert torch.equal(state.previous > 0, batch.rough[0])
    assert state.masked.tolist() == [1, 1, 1]
    assert (state.kinds == NOTHING).all()
    assert torch.isfinite(trainee.round(state, 0)["loss"])


def check_clicks(state: State) -> None:
    assert not state.previous.requires_grad
    wanted = functional.avg_pool2d((state.wanted > 0.5).float()[:, None], 2)[:, 0] >= 0.5
    guess = functional.avg_pool2d(state.previous[:, None], 2)[:, 0] > 0
    for row, (place, kind) in enumerate(zip(state.points[:, -1], state.kinds[:, -1], strict=True)):
        x, y = (int(each) for each in (place + 0.5) * GRID / SIDE)
        # In the middle of two by two of the square's pixels.
        assert place.tolist() == [2 * x + 0.5, 2 * y + 0.5]
        assert guess[row, y, x] != wanted[row, y, x]
        assert kind == (INSIDE if wanted[row, y, x] else OUTSIDE)


@pytest.mark.parametrize("anywhere", [0.0, 1.0])
def test_corrections(pictures: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, anywhere: float) -> None:
    """Where nothing is wrong there is no click; else it is on the deepest point of it, or anywhere."""
    trainee = trainee_of(course(session={**ALWAYS_THREE, "anywhere": anywhere}), folder)
    batch = read(trainee, pictures, 0)
    wanted = torch.zeros(1, 3, DRAWN, DRAWN)
    wanted[:, :, 40:122, 60:142] = 1
    state = trainee.begin(batch._replace(wanted=wanted, other=wanted), chance())
    drawn = wanted[0, :, None].expand(-1, 4, -1, -1).clone()
    drawn[1, :, 40:122, 60:142] = 0
    drawn[2, :, 160:222, 40:102] = 1
    answers = Answers((drawn - 0.5).requires_grad_(), torch.full((3, 4), 0.5))
    monkeypatch.setattr(trainee.network, "decode", lambda maps, prompts: answers)
    found = []
    for step in range(8):
        state.chance, state.given = chance(step), 0
        trainee.round(state, 0)
        assert state.kinds[:, -1].tolist() == [NOTHING, INSIDE, OUTSIDE]
        found.append((state.points[1:, -1] - 0.5) / 2)
    off = (torch.stack(found) - torch.tensor([[50.0, 40.0], [35.0, 95.0]])).abs().amax((0, 2))
    # What is wrong reaches 20 and 15 pixels from its middle.
    assert (off <= (torch.tensor([21, 16]) if anywhere else 1)).all()
    assert not anywhere or (off.amax(0) > 5).all()


def test_rounds_are_drawn(trainee: LiteTrainee, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = read(trainee, pictures, 0)
    maps = trainee.begin(batch, chance()).maps
    shared = trainee_of(course(session={"rounds": (0.2, 0.5, 0.3)}), Path())
    monkeypatch.setattr(shared, "_encode", lambda _: None)
    monkeypatch.setattr(shared.network, "see", lambda _: maps)
    rounds = torch.tensor([shared.begin(batch, chance(step)).rounds for step in range(400)])
    assert rounds.bincount(minlength=4)[1:].div(400).tolist() == pytest.approx([0.2, 0.5, 0.3], abs=0.07)


def test_gradients_reach_every_weight(trainee: LiteTrainee, pictures: Path, tools: dict[str, Any]) -> None:
    tools["awake"](trainee.network)
    state = trainee.begin(lone_clicks(read(trainee, pictures, 0)), chance())
    # A box too, for the kinds of its corners.
    state.points[0, 1:] = torch.tensor([[20.0, 20.0], [90.0, 90.0]])
    state.kinds[0, 1:] = torch.tensor([2, 3])
    for number in range(2):
        trainee.round(state, number)["loss"].backward()
    assert all(weight.grad is None for weight in trainee.network.neck.parameters())
    trainee.end(state)
    without = [name for name, weight in trainee.network.named_parameters() if weight.grad is None]
    assert without == []
    idle = [name for name, weight in trainee.network.named_parameters() if not weight.grad.any()]
    # A bias of keys moves all matches of a query alike.
    assert [name for name in idle if not name.endswith("k_proj.bias")] == []


def test_shared_maps_give_the_gradients_of_one_pass(pictures: Path, folder: Path, tools: dict[str, Any]) -> None:
    """As if nothing had been detached."""
    trainee = trainee_of(course(session={"rounds": (1,)}), folder)
    tools["awake"](trainee.network)
    batch = read(trainee, pictures, 0, 2)
    state = trainee.begin(batch, chance(images=2))
    trainee.round(state, 0)["loss"].backward()
    trainee.end(state)
    ours = {name: weight.grad.clone() for name, weight in trainee.network.named_parameters() if weight.grad is not None}
    trainee.network.zero_grad()
    whole = trainee.begin(read(trainee, pictures, 0, 2), chance(images=2))
    whole.maps = training._for_each(whole.made, 3)
    trainee.round(whole, 0)["loss"].backward()
    for name, weight in trainee.network.named_parameters():
        if weight.grad is not None:
            torch.testing.assert_close(ours[name], weight.grad, atol=1e-5, rtol=1e-3)
    assert any(name.startswith("neck") for name in ours)


def test_targets_keep_to_their_image(pictures: Path, folder: Path, tools: dict[str, Any]) -> None:
    trainee = trainee_of(course(session={"rounds": (1,)}), folder)
    tools["awake"](trainee.network)
    states = [trainee.begin(read(trainee, pictures, *numbers), chance()) for numbers in ((0, 2), (0,), (2,))]
    with torch.no_grad():
        blank = [torch.zeros(len(state.wanted), DRAWN, DRAWN) for state in states]
        both, first, second = (
            trainee.network.decode(state.maps, Prompts(state.points, state.kinds, each, each[:, 0, 0])).logits
            for state, each in zip(states, blank, strict=True)
        )
    torch.testing.assert_close(both, torch.cat([first, second]), atol=2e-3, rtol=1e-3)


def test_features_are_made_once(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainee = trainee_of(course(), tmp_path)
    miss = trainee.begin(read(trainee, pictures, 0), chance())

    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(training, "encode", never)
    batch = read(trainee, pictures, 0)
    assert batch.features[0] is not None
    hit = trainee.begin(batch, chance())
    assert all(torch.equal(*each) for each in zip(hit.made, miss.made, strict=True))


def test_without_variants_nothing_is_kept(pictures: Path, tmp_path: Path) -> None:
    trainee = trainee_of(course(data={"variants": 0}), tmp_path)
    trainee.begin(read(trainee, pictures, 0), chance())
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_session_belongs_to_its_place(trainee: LiteTrainee, pictures: Path) -> None:
    losses = []
    for step in (5, 5, 6):
        state = trainee.begin(read(trainee, pictures, 0), chance(step))
        losses.append([float(trainee.round(state, number)["loss"].detach()) for number in range(2)])
    assert losses[0] == losses[1]
    assert losses[0][0] == losses[2][0]
    assert losses[0][1] != losses[2][1]


def test_the_loss_of_a_mask(trainee: LiteTrainee) -> None:
    """A target of 8 x 8 of chance 0.9, and of 0.2 on as much again beside it; then what is certain, and wrong."""
    target = torch.zeros(1, GRID, GRID)
    target[:, :8, :8] = 1
    likely = torch.full((1, GRID, GRID), 1e-9)
    likely[:, :8, :8], likely[:, :8, 8:16] = 0.9, 0.2
    found = trainee._loss(torch.logit(likely.double()), target.double())
    entropy = -(64 * torch.log(torch.tensor(0.9)) + 64 * torch.log(torch.tensor(0.8))) / 64
    dice = 1 - (2 * 64 * 0.9 + 1) / (64 * 0.81 + 64 * 0.04 + 64 + 1)
    assert float(found) == pytest.approx(float(0.5 * entropy + dice), rel=1e-4)
    assert trainee._loss(target * 60 - 30, target) == pytest.approx(0, abs=1e-3)
    wrong = trainee._loss(30 - target * 60, target)
    assert float(wrong) == pytest.approx(0.5 * 20 + 1, abs=0.02)


def test_candidates_are_for_lone_clicks(trainee: LiteTrainee, pictures: Path) -> None:
    batch = read(trainee, pictures, 0)
    alone = trainee.round(trainee.begin(lone_clicks(batch), chance()), 0)
    boxed = lone_clicks(batch)._replace(lone=torch.zeros_like(batch.lone))
    none = trainee.round(trainee.begin(boxed, chance()), 0)
    assert alone["candidates"] > 0
    assert none["candidates"] == none["candidate_score"] == 0
    torch.testing.assert_close(2 * none["loss"], none["mask"] + 2 * none["score"])
    torch.testing.assert_close(none["mask"], alone["mask"])


def test_where_nothing_lies_only_the_score_is_learned(folder: Path, pictures: Path) -> None:
    trainee = trainee_of(course(session={"rounds": (1,)}), folder)
    batch = lone_clicks(read(trainee, pictures, 0))
    some = batch._replace(wanted=batch.wanted.clone(), other=batch.other.clone())
    for each in (some.wanted, some.other):
        each[:, 1:] = 0
    one = batch._replace(**{name: getattr(batch, name)[:, :1] for name in PER_TARGET})
    found, alone = (trainee.round(trainee.begin(each, chance()), 0) for each in (some, one))
    for name in ("mask", "iou", "candidates"):
        torch.testing.assert_close(found[name], alone[name], rtol=1e-4, atol=1e-5)
    for name in ("score", "candidate_score"):
        assert found[name] != alone[name]
    nothing = some._replace(wanted=some.wanted * 0, other=some.other * 0)
    losses = trainee.round(trainee.begin(nothing, chance()), 0)
    assert losses["mask"] == losses["candidates"] == losses["iou"] == 0
    torch.testing.assert_close(losses["loss"], 2 * (losses["score"] + losses["candidate_score"]))


def test_from_the_command_to_a_session(pictures: Path, tmp_path: Path, tools: dict[str, Any], lite: Any) -> None:
    wanted = course(loop={"average": 0.9}, session={"rounds": (0.5, 0.5)})
    path = train(Plan(SUBJECT, wanted, (pictures,), tmp_path / "run", None), Hardware("cpu"))
    assert path is not None
    assert [line["step"] for line in read_curve(tmp_path / "run")] == [2]
    there = json.loads((tmp_path / "run" / "run.json").read_text())
    assert there["trained"] == there["weights"] < 6.5e6
    torch.manual_seed(3)
    start, weights = from_lite_medsam(lite).state_dict(), load_file(path)
    assert start.keys() == weights.keys()
    moved = {name for name, value in weights.items() if not torch.equal(value, start[name])}
    assert {"outputs.weight", "neck.last.weight", "transformer.norm_final_attn.weight"} <= moved
    assert "places" not in moved
    answer = adapter.load(CARD, path, "cpu").start(tools["phantom"]((50, 70))).predict([Click((20.0, 38.0))])
    assert answer.logits.shape == (50, 70)
    again = LiteTrainee(wanted, path, tmp_path)
    assert all(torch.equal(value, weights[name]) for name, value in again.network.state_dict().items())


def test_what_is_kept_of_other_pixels_is_not_taken(pictures: Path, tmp_path: Path) -> None:
    for told in ({}, {"stretched": True}):
        trainee = trainee_of(course(data=told), tmp_path)
        batch = read(trainee, pictures, 0)
        assert batch.features == (None,)
        trainee.begin(batch, chance())
        assert read(trainee, pictures, 0).features[0] is not None


def test_a_checkpoint_of_another_network(tmp_path: Path) -> None:
    torch.save({"liver": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(MissingWeights, match="does not hold the weights of imis-lite"):
        LiteTrainee(course(), tmp_path / "other.pth", tmp_path)
