import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines.prism import adapter
from baselines.prism.intake import Intake
from baselines.prism.training import INTAKE, SETTINGS, SUBJECT, PrismTrainee
from baselines.training.curve import read_curve
from baselines.training.order import Place
from baselines.training.run import Hardware, Plan, train
from baselines.training.trainee import Chance
from imedbench.errors import MissingWeights
from imedbench.evaluate.data import Subset
from imedbench.evaluate.plan import RunSettings
from imedbench.evaluate.run import evaluate
from imedbench.masks import MaskInfo, Masks
from imedbench.models.base import Card
from imedbench.store import PartWriter, Store, StoreInfo, create_store, finish_store
from imedbench.types import Click
from imedbench.workers import Workers

CARD = Card("prism", "small", "baselines.prism.adapter:load", ("click", "box"), (3,), "Apache-2.0", "")
CHANCE = Chance(3, (Place(0, 0, 0, 0), Place(0, 1, 0, 2)))


def begun(tools: dict[str, Any], store: Path, **tables: Any) -> tuple[PrismTrainee, Any]:
    torch.manual_seed(0)
    trainee = PrismTrainee(tools["course"](**tables), None, Path())
    samples = trainee.samples([Store.open(store)])
    batch = samples.collate([samples[place] for place in CHANCE.places])
    return trainee, trainee.begin(batch, CHANCE)


def watch(trainee: PrismTrainee, told: list[Any]) -> Any:
    """Turns as they are, and what each is given."""
    turn = trainee._turn

    def watched(*given: Any, **named: Any) -> Any:
        told.append(given[1])
        return turn(*given, **named)

    return watched


@pytest.mark.parametrize("scribbles", [False, True])
def test_a_session(tools: dict[str, Any], volumes: Path, scribbles: bool) -> None:
    trainee, state = begun(tools, volumes, session={"scribbles": scribbles})
    assert trainee.rounds(state) == 1
    losses = trainee.round(state, 0)
    assert {"loss", "candidates", "score", "refined", "dice"} <= set(losses)
    assert all(value.dim() == 0 and torch.isfinite(value) for value in losses.values())
    losses["loss"].backward()
    idle = {name for name, weight in trainee.network.named_parameters() if weight.grad is None}
    # The first mask is for networks without a choice, the box's corners and its absence exclude each other.
    unused = ("mask_decoder.output_hypernetworks_mlps.0.", "prompt_encoder.not_a_point_embed.")
    assert all(name.startswith(unused) for name in idle)


def test_what_is_computed_again_changes_nothing(
    tools: dict[str, Any], volumes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gradients = []
    for recompute in (True, False):
        trainee, state = begun(tools, volumes)
        trainee._course = trainee._course.model_copy(update={"recompute": recompute})
        told: list[Any] = []
        monkeypatch.setattr(trainee, "_turn", watch(trainee, told))
        trainee.round(state, 0)["loss"].backward()
        # Each of the three turns again on the way back.
        assert len(told) == (6 if recompute else 3)
        gradients.append([weight.grad for weight in trainee.network.parameters() if weight.grad is not None])
    assert len(gradients[0]) > 50
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


def test_gradients_go_through_turns(tools: dict[str, Any], volumes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mask of a turn is told to the next, and learns from what becomes of it."""
    trainee, state = begun(tools, volumes)
    told: list[Any] = []
    monkeypatch.setattr(trainee, "_turn", watch(trainee, told))
    trainee.round(state, 0)
    assert [each.previous.requires_grad for each in told] == [False, True, True]
    assert not told[0].previous.any()
    assert told[1].previous.any()


def test_without_a_box(tools: dict[str, Any], volumes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for box in (True, False):
        trainee, state = begun(tools, volumes, session={"box": box, "turns": 1})
        told: list[Any] = []
        monkeypatch.setattr(trainee, "_turn", watch(trainee, told))
        trainee.round(state, 0)
        assert (told[0].boxes is not None) is box


def test_from_the_command_to_a_session(tools: dict[str, Any], volumes: Path, tmp_path: Path) -> None:
    course = tools["course"](validation={"every": 2, "protocol": "single", "limit": 1})
    path = train(Plan(SUBJECT, course, (volumes,), tmp_path / "run", None), Hardware("cpu"))
    assert path is not None
    curve = read_curve(tmp_path / "run")
    assert [line["step"] for line in curve if "loss" in line] == [2]
    model = adapter.load(CARD, path, "cpu")
    image = Store.open(volumes)["volume0"].image
    assert model.start(image).predict([Click((6.0, 7.0, 12.0))]).logits.shape == image.grid
    facts = adapter.read_facts(path)
    assert json.loads(facts[SETTINGS])["size"] == 32
    assert Intake(**json.loads(facts[INTAKE])).low > 0
    again = PrismTrainee(course, path, tmp_path)
    kept = [torch.equal(*pair) for pair in zip(again.network.parameters(), model._network.parameters(), strict=True)]
    assert all(kept)


@pytest.mark.parametrize(("prompts", "name"), [("noisy", "prism"), ("perfect", "prism-oracle-crop")])
def test_eleven_turns_on_volumes(tools: dict[str, Any], volumes: Path, tmp_path: Path, prompts: str, name: str) -> None:
    """`imedbench eval --model prism --prompts noisy --protocol prism-11`, with weights of a moment's training."""
    weights = train(Plan(SUBJECT, tools["course"](), (volumes,), tmp_path / "run", None), Hardware("cpu"))
    settings = RunSettings(name, "prism-11", prompts, checkpoint=str(weights), subset=Subset("test", "volumes"))
    summary = evaluate(volumes, tmp_path / "results", settings, workers=Workers(0, device="cpu"))
    table = summary.results.scores.to_pylist()
    turns = {row["turn"] for row in table if row["metric"] == "dice"}
    assert max(turns) - min(turns) == 10
    assert summary.failed == 0


def test_a_target_without_voxels_is_not_learned(tools: dict[str, Any], volumes: Path, tmp_path: Path) -> None:
    record = tools["volume"](0, "ct")
    empty = np.zeros_like(record.case.masks[0])
    masks = Masks.from_dense([record.case.masks[0], empty], [MaskInfo("liver"), MaskInfo("spleen")])
    path = tmp_path / "one.zarr"
    create_store(path, StoreInfo("one", {"boxes": {}}, {}, {"imedbench": "0"}))
    with PartWriter(path, 0) as writer:
        writer.add(replace(record, case=replace(record.case, masks=masks)))
    finish_store(path, [])
    samples = PrismTrainee(tools["course"](), None, tmp_path).samples([Store.open(path)])
    assert [goal[2] for goal in samples._goals] == ["liver"]


def test_one_slice_is_learned_from(tools: dict[str, Any], tmp_path: Path) -> None:
    record = tools["volume"](0, "ct")
    case = record.case
    flat = replace(case.image, voxels=case.image.voxels[5:6], spacing_mm=(5.0, 1.0, 1.0))
    masks = Masks.from_dense([mask[5:6] for mask in case.masks][:1], [MaskInfo("liver")])
    path = tmp_path / "one.zarr"
    create_store(path, StoreInfo("one", {"boxes": {}}, {}, {"imedbench": "0"}))
    with PartWriter(path, 0) as writer:
        writer.add(replace(record, case=replace(case, image=flat, masks=masks)))
    finish_store(path, [])
    course = tools["course"](loop={"batch": 1})
    assert train(Plan(SUBJECT, course, (path,), tmp_path / "run", None), Hardware("cpu")) is not None
    assert [line["step"] for line in read_curve(tmp_path / "run")] == [2]


def test_a_checkpoint_of_another_network(tools: dict[str, Any], tmp_path: Path) -> None:
    torch.save({"liver": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(MissingWeights, match="does not hold the weights of prism"):
        SUBJECT.trainee(tools["course"](), tmp_path / "other.pth", tmp_path)
