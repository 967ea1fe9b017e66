import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines.imis_net.adapter import stretch
from baselines.imis_net.course import ImisCourse
from baselines.imis_net.training import SUBJECT, ImisTrainee, central_half
from baselines.sam.colour import colour
from baselines.training.course import as_toml, read_course
from baselines.training.curve import read_curve
from baselines.training.order import Order, Place, Shares
from baselines.training.reading import batches
from baselines.training.run import Hardware, Plan, read_validation, train
from baselines.training.trainee import Chance
from baselines.training.validate import final_dice
from imedbench.errors import BadStore
from imedbench.evaluate.data import Subset
from imedbench.evaluate.plan import RunSettings
from imedbench.evaluate.run import evaluate
from imedbench.masks import MaskInfo, Masks
from imedbench.store import PartWriter, Record, Store, StoreInfo, create_store, finish_store
from imedbench.types import Case, Image
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
        state.chance = Chance(0, (Place(step, 0, 0, 0), Place(step, 1, 0, 1)))
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


def test_stores_of_one_name_are_told_apart(pictures: Path, tmp_path: Path) -> None:
    """What is kept of one is not taken for the other's; in whatever order they are named, each keeps its own."""
    write = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "pictures.py"))["write_pictures"]
    one, other = Store.open(pictures), Store.open(write(tmp_path / "again" / "discs.zarr", train=3, test=0))
    trainee = ImisTrainee(course(data={"variants": 2}), None, tmp_path)
    there, back = trainee.samples([one, other]), trainee.samples([other, one])
    first, second = there[Place(0, 0, 0, 0)], there[Place(0, 0, 0, 4)]
    assert first[1].case == second[1].case
    assert first[0] != second[0]
    for place, again in ((0, 3), (4, 0)):
        mine, theirs = there[Place(0, 0, 1, place)], back[Place(0, 0, 1, again)]
        assert mine[0] == theirs[0]
        assert torch.equal(mine[2], theirs[2])


@pytest.mark.parametrize("channels", [0, 2, 3])
@pytest.mark.parametrize("grid", [(50, 40), (90, 130)])
@pytest.mark.parametrize("resize", ["nearest", "bilinear"])
def test_learned_from_as_it_is_looked_at(channels: int, grid: tuple[int, int], resize: Any, tmp_path: Path) -> None:
    """The same pixels reach the network in training and in use."""
    shape = (*grid, channels) if channels else grid
    voxels = np.random.default_rng(4).integers(0, 256, shape, np.uint8)
    names = ("a", "b", "c")[:channels] or ("",)
    image = Image(voxels, (1.0, 1.0), np.eye(4), "us", names)
    masks = Masks.from_dense([np.ones(grid, np.bool_)] * 2, [MaskInfo("liver"), MaskInfo("", "interactive")])
    path = tmp_path / "one.zarr"
    create_store(path, StoreInfo("one", {"one": {}}, {}, {"imedbench": "0"}))
    with PartWriter(path, 0) as writer:
        writer.add(Record(Case("case", image, masks, "train", "one", "a", "b")))
    finish_store(path, [])
    settings = {**course().network.model_dump()["settings"], "resize": resize}
    wanted = course(network={"settings": settings})
    sample = ImisTrainee(wanted, None, tmp_path).samples([Store.open(path)])[Place(0, 0, 0, 0)][1]
    used = stretch(colour(image, "imis-net"), wanted.network.settings.side, resize)[0]
    assert torch.equal(sample.image.float(), used)


def test_two_devices_are_one_that_accumulates(pictures: Path, tmp_path: Path) -> None:
    """Each target's clicks are its own, on whatever device; gradients are averaged."""
    curves = []
    for name, accumulate, devices in (("one", 2, 1), ("two", 1, 2)):
        wanted = course(loop={"steps": 2, "accumulate": accumulate, "batch": 1, "log_every": 1, "update": "end"})
        config = tmp_path / f"{name}.toml"
        config.write_text(as_toml(wanted))
        words = ["imis-net", "--config", config, "--data", pictures, "--out", tmp_path / name, "--device", "cpu"]
        command = [sys.executable, "-m", "imedbench", "train", *map(str, words), "--devices", str(devices)]
        subprocess.run(command, check=True, capture_output=True)
        curves.append(read_curve(tmp_path / name))
    assert len(curves[0]) == len(curves[1]) == 2
    for alone, together in zip(*curves, strict=True):
        assert together == pytest.approx(alone, rel=1e-3)


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
    # Killed in its last validation it makes up for it.
    (tmp_path / "run" / "validation.jsonl").write_text(json.dumps(lines[0]) + '\n{"step": 2, "spl')
    weights.unlink()
    assert train(Plan(SUBJECT, wanted, (pictures,), tmp_path / "run", None), Hardware("cpu")) == weights
    assert read_validation(tmp_path / "run") == lines
    settings = RunSettings("imis-net", checkpoint=str(weights), subset=Subset("train", limit=2))
    summary = evaluate(pictures, tmp_path / "results", settings, workers=Workers(0, device="cpu"))
    assert final_dice(summary.results) == pytest.approx(lines[-1]["dice"]["discs"])


def test_a_damaged_case_is_named(pictures: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.zarr"
    shutil.copytree(pictures, copy)
    damaged = [file for file in copy.glob("parts/00000/image*/**/*") if file.is_file() and file.suffix != ".json"]
    for file in damaged:
        file.write_bytes(bytes(len(file.read_bytes())))
    for workers in (0, 1):
        wanted = course(loop={"workers": workers})
        with pytest.raises(BadStore, match=r"case 'case\d'"):
            train(Plan(SUBJECT, wanted, (copy,), tmp_path / f"run{workers}", None), Hardware("cpu"))


def test_readers_give_what_the_loop_reads_itself(pictures: Path, tmp_path: Path) -> None:
    samples = ImisTrainee(course(), None, tmp_path).samples([Store.open(pictures)])
    order = Order(len(samples), Shares(2), seed=0, steps=range(3))
    for mine, theirs in zip(*(batches(samples, order, workers=n, device=CPU) for n in (0, 1)), strict=True):
        assert mine.places == theirs.places
        assert torch.equal(mine.batch.batch.masks, theirs.batch.batch.masks)
        assert torch.equal(mine.batch.draws, theirs.batch.draws)
