import runpy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines.imis_net.course import ImisCourse
from baselines.imis_net.training import SUBJECT, ImisTrainee, central_half
from baselines.training.course import read_course
from baselines.training.order import Order, Place, Shares
from baselines.training.reading import batches
from baselines.training.run import Hardware, Plan, read_validation, train
from baselines.training.trainee import Chance
from baselines.training.validate import final_dice
from imedbench.errors import BadStore
from imedbench.evaluate.data import Subset
from imedbench.evaluate.run import RunSettings, evaluate
from imedbench.store import Store
from imedbench.workers import Workers

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of four pictures with two truths and two interactive masks each."""
    write = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "pictures.py"))["write_pictures"]
    path: Path = write(tmp_path_factory.mktemp("learn") / "discs.zarr", train=4, test=0)
    return path


def course(**tables: dict[str, Any]) -> ImisCourse:
    smoke = read_course(ImisCourse, "baselines.imis_net", "smoke")
    return ImisCourse.model_validate(
        {name: {**getattr(smoke, name).model_dump(), **tables.get(name, {})} for name in ImisCourse.model_fields}
    )


def first_batch(trainee: ImisTrainee, store: Path) -> Any:
    samples = trainee.samples([Store.open(store)])
    return next(iter(batches(samples, Order(len(samples), Shares(2), seed=0, steps=range(1)), workers=0, device=CPU)))


def begun(pictures: Path, wanted: ImisCourse, tmp_path: Path, step: int = 0) -> tuple[ImisTrainee, Any]:
    torch.manual_seed(0)
    trainee = ImisTrainee(wanted, None, tmp_path)
    read = first_batch(trainee, pictures)
    places = tuple(place._replace(step=step) for place in read.places)
    return trainee, trainee.begin(read.batch, Chance(0, places))


def test_a_session(pictures: Path, tmp_path: Path) -> None:
    """Every round answers every mask; each but the last leaves clicks on what is wrong."""
    trainee, state = begun(pictures, course(session={"corrections": 3}), tmp_path)
    assert trainee.rounds(state) == 4
    assert [side.truth.shape for side in state.sides.values()] == [(4, 64, 64)] * 2
    for number in range(4):
        losses = trainee.round(state, number)
        assert {"loss", "dice/truth", "dice/interactive", "focal/truth", "score/interactive"} <= set(losses)
        assert torch.isfinite(losses["loss"])
        for side in state.sides.values():
            assert side.logits is not None
            assert side.logits.shape == (4, 1, 16, 16)
            assert not side.logits.requires_grad
            assert side.clicks is not None


def test_all_kinds_of_prompts_are_met(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainee, state = begun(pictures, course(session={"corrections": 4}), tmp_path)
    met: dict[tuple[int, bool], set[str]] = {}
    network = trainee.network

    def seen(embedding: Any, places: Any, given: Any) -> Any:
        kinds = [name for name in ("points", "boxes", "text", "masks") if getattr(given, name) is not None]
        met.setdefault((number, truth_next[0]), set()).add("+".join(kinds))
        truth_next[0] = not truth_next[0]
        return network.forward(embedding, places, given)

    truth_next = [True]
    monkeypatch.setattr(trainee, "network", _Spy(network, seen))
    for step in range(40):
        state.chance = Chance(0, (Place(step, 0, 0, 0), Place(step, 1, 0, 1)))
        state.lone = 2
        for number in range(5):
            trainee.round(state, number)
    assert met[0, True] == {"points", "boxes", "text"}
    assert met[0, False] == {"points", "boxes"}
    assert met[1, True] == met[3, True] == {"points+masks", "points+text"}
    assert met[1, False] == {"points+masks"}
    assert met[2, True] == met[4, True] == {"text+masks"}
    assert met[2, False] == met[4, False] == {"masks"}


class _Spy:
    """A network that tells what it is given."""

    def __init__(self, network: Any, call: Any) -> None:
        self._network, self._call = network, call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def __call__(self, *given: Any) -> Any:
        return self._call(*given)


def test_gradients_reach_what_learns_and_nothing_else(pictures: Path, tmp_path: Path) -> None:
    trainee, state = begun(pictures, course(), tmp_path)
    for step in range(12):
        state.chance = Chance(0, (Place(step, 0, 0, 0),))
        for number in range(trainee.rounds(state)):
            trainee.round(state, number)["loss"].backward()
    trainee.end(state)
    without = {
        name for name, weight in trainee.network.named_parameters() if weight.requires_grad and weight.grad is None
    }
    assert without == set()
    reached = {name for name, weight in trainee.network.named_parameters() if weight.grad is not None}
    assert not any(name.startswith(("image_encoder.sam_encoder", "text_model")) for name in reached)
    assert any(name.startswith("image_encoder.neck") for name in reached)


def test_features_are_computed_once(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = course(data={"variants": 2, "truth": 1, "interactive": 1})
    trainee, fresh = begun(pictures, wanted, tmp_path)
    assert len(list(tmp_path.rglob("*.safetensors"))) == 2

    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("baselines.imis_net.training.encode_body", never)
    read = first_batch(trainee, pictures)
    known = trainee.begin(read.batch, Chance(0, read.places))
    assert torch.equal(known.embedding, fresh.embedding)
    # The third epoch sees what the first saw.
    samples = trainee.samples([Store.open(pictures)])
    assert samples[Place(0, 0, 0, 1)][0] == samples[Place(9, 0, 2, 1)][0] != samples[Place(9, 0, 1, 1)][0]


def test_intensities(pictures: Path, tmp_path: Path) -> None:
    samples = ImisTrainee(course(), None, tmp_path).samples([Store.open(pictures)])
    draws = np.array([samples[Place(0, 0, epoch, 0)][2].numpy() for epoch in range(400)])
    changed = draws != [1, 0]
    assert changed.mean(0) == pytest.approx([0.2, 0.2], abs=0.06)
    assert np.abs(draws - [1, 0]).max() <= 0.2
    assert np.abs(draws - [1, 0]).max() > 0.15


def test_several_stores_are_one(pictures: Path, tmp_path: Path) -> None:
    store = Store.open(pictures)
    samples = ImisTrainee(course(), None, tmp_path).samples([store, store])
    assert len(samples) == 8
    assert samples[Place(0, 0, 0, 5)][1].case == samples[Place(0, 0, 0, 1)][1].case


def test_the_central_half() -> None:
    masks = torch.zeros(2, 9, 9, dtype=torch.bool)
    masks[0, 4, :] = True
    masks[1, 0, 0] = True
    found = central_half(masks)
    assert found[0].nonzero()[:, 1].tolist() == [2, 3, 4, 5, 6]
    assert found[1].sum() == 1
    assert not central_half(torch.zeros(1, 3, 3, dtype=torch.bool)).any()


def test_from_the_command_to_an_evaluation(pictures: Path, tmp_path: Path) -> None:
    """What was trained is fed as it was trained, and validated on the way by the project's own protocols."""
    wanted = course(loop={"steps": 2}, validation={"every": 1, "split": "train", "limit": 2, "protocol": "single"})
    weights = train(Plan(SUBJECT, wanted, (pictures,), tmp_path / "run", None), Hardware("cpu"))
    assert weights is not None
    lines = read_validation(tmp_path / "run")
    assert [line["step"] for line in lines] == [1, 2]
    assert {"click", "box", "text"} <= set(lines[-1]["dice"]["discs"])
    settings = RunSettings("imis-net", checkpoint=str(weights), subset=Subset("train", limit=2))
    summary = evaluate(pictures, tmp_path / "results", settings, workers=Workers(0, device="cpu"))
    assert final_dice(summary.results) == pytest.approx(lines[-1]["dice"]["discs"])


def test_a_damaged_case_is_named(pictures: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.zarr"
    shutil.copytree(pictures, copy)
    damaged = [file for file in copy.glob("parts/00000/image*/**/*") if file.is_file() and file.suffix != ".json"]
    for file in damaged:
        file.write_bytes(bytes(len(file.read_bytes())))
    with pytest.raises(BadStore, match="case"):
        train(Plan(SUBJECT, course(), (copy,), tmp_path / "run", None), Hardware("cpu"))


def test_readers_give_what_the_loop_reads_itself(pictures: Path, tmp_path: Path) -> None:
    samples = ImisTrainee(course(), None, tmp_path).samples([Store.open(pictures)])
    order = Order(len(samples), Shares(2), seed=0, steps=range(3))
    for mine, theirs in zip(*(batches(samples, order, workers=n, device=CPU) for n in (0, 1)), strict=True):
        assert mine.places == theirs.places
        assert torch.equal(mine.batch.batch.masks, theirs.batch.batch.masks)
        assert torch.equal(mine.batch.draws, theirs.batch.draws)
