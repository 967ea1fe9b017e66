import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from baselines.training.curve import read_curve
from baselines.training.run import Hardware, Plan, Progress, train
from imedbench.errors import BadResults, BadStore, Unavailable, UnknownName

SCRIPT = str(Path(__file__).resolve().parents[2] / "fakes" / "tiny.py")
CPU = Hardware("cpu")


def run(*words: object) -> int:
    """The tiny network's own command line."""
    return subprocess.run([sys.executable, SCRIPT, *map(str, words)], check=False, capture_output=True).returncode


@pytest.fixture(scope="module")
def whole(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing happened to: 6 steps of 2 batches of 2."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert run(pictures, out, "--accumulate", 2) == 0
    return out


def test_what_a_run_leaves(whole: Path) -> None:
    there = json.loads((whole / "run.json").read_text())
    assert [line["step"] for line in read_curve(whole)] == [1, 2, 3, 4, 5, 6]
    assert there["images"] == 7
    assert there["images_a_step"] == 4
    assert (there["trained"], there["weights"]) == (307, 308)
    assert set(load_file(whole / "model.safetensors")) == {
        "body.0.weight", "body.0.bias", "body.3.weight", "body.3.bias", "first", "never", "still"
    }  # fmt: skip
    assert "steps: 6; images a step: 4; seed: 0" in (whole / "card.md").read_text()
    assert (whole / "course.toml").is_file()


def test_killed_and_gone_on_with(pictures: Path, whole: Path, tmp_path: Path) -> None:
    """Kill -9 in steps 4 and 6, checkpoints after 2 and 4; then with a reading process: the same curve and weights."""
    out = tmp_path / "run"
    for step in (3, 5):
        assert run(pictures, out, "--accumulate", 2, "--die", step) == -signal.SIGKILL
    assert run(pictures, out, "--accumulate", 2, "--workers", 1) == 0
    assert read_curve(out) == read_curve(whole)
    ours, theirs = load_file(out / "model.safetensors"), load_file(whole / "model.safetensors")
    assert all(torch.equal(ours[name], weight) for name, weight in theirs.items())


def test_two_devices_are_one(pictures: Path, whole: Path, tmp_path: Path) -> None:
    """Gradients are averaged: two processes of one batch each learn what one learns of two."""
    out = tmp_path / "run"
    assert run(pictures, out, "--devices", 2) == 0
    for mine, alone in zip(read_curve(out), read_curve(whole), strict=True):
        assert mine == pytest.approx(alone, rel=1e-4)
    ours, theirs = load_file(out / "model.safetensors"), load_file(whole / "model.safetensors")
    for name, weight in theirs.items():
        assert ours[name].numpy() == pytest.approx(weight.numpy(), abs=1e-5)


def plan(tiny: dict[str, Any], pictures: Path, out: Path, **loop: Any) -> Plan:
    return Plan(tiny["tiny_subject"](), tiny["course"](**loop), (pictures,), out, None)


def test_a_finished_run_is_left_alone(tiny: dict[str, Any], pictures: Path, tmp_path: Path) -> None:
    first = train(plan(tiny, pictures, tmp_path / "run", steps=2), CPU)
    assert first is not None
    before = first.stat().st_mtime_ns
    assert train(plan(tiny, pictures, tmp_path / "run", steps=2), CPU) == first
    assert first.stat().st_mtime_ns == before


def test_progress(tiny: dict[str, Any], pictures: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []
    train(plan(tiny, pictures, tmp_path / "run", steps=3), CPU, progress=seen.append)
    assert [(each.step, each.steps) for each in seen] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert seen[-1].loss > 0
    assert seen[-1].samples_per_second > 0


def test_another_run_is_not_gone_on_with(tiny: dict[str, Any], pictures: Path, tmp_path: Path) -> None:
    train(plan(tiny, pictures, tmp_path / "run", steps=2), CPU)
    with pytest.raises(BadResults, match="holds a run with other course; choose another --out"):
        train(plan(tiny, pictures, tmp_path / "run", steps=4), CPU)


def test_other_frozen_weights_are_another_run(tiny: dict[str, Any], pictures: Path, tmp_path: Path) -> None:
    train(plan(tiny, pictures, tmp_path / "run", steps=2), CPU)
    there = json.loads((tmp_path / "run" / "run.json").read_text())
    (tmp_path / "run" / "run.json").write_text(json.dumps({**there, "frozen": "0" * 64}))
    with pytest.raises(BadResults, match="holds a run with other frozen weights; choose another --out"):
        train(plan(tiny, pictures, tmp_path / "run", steps=2), CPU)


def test_one_gpu_is_not_several(
    tiny: dict[str, Any], pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baselines.training.run.find_device", lambda device: device)
    with pytest.raises(Unavailable, match="--device cuda:1 is one GPU"):
        train(plan(tiny, pictures, tmp_path / "run", steps=2), Hardware("cuda:1", devices=2))


def test_a_folder_of_other_things(tiny: dict[str, Any], pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(Unavailable, match="holds other files"):
        train(plan(tiny, pictures, tmp_path), CPU)


def test_a_loss_that_is_no_number(tiny: dict[str, Any], pictures: Path, tmp_path: Path) -> None:
    spoiled = Plan(tiny["tiny_subject"](poison=1), tiny["course"](), (pictures,), tmp_path / "run", None)
    with pytest.raises(BadResults, match=r"no number any more \(steps up to 2\)"):
        train(spoiled, CPU)
    assert [line["step"] for line in read_curve(tmp_path / "run")] == [1]


def test_a_store_without_training_pictures(tiny: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(BadStore):
        train(plan(tiny, tmp_path / "none.zarr", tmp_path / "run"), CPU)


def test_a_validation_that_cannot_be_is_refused_at_once(tiny: dict[str, Any], pictures: Path, tmp_path: Path) -> None:
    wanted = tiny["course"]()
    validated = wanted.model_copy(update={"validation": wanted.validation.model_copy(update={"every": 2})})
    with pytest.raises(UnknownName, match="no model called 'tiny'"):
        train(Plan(tiny["tiny_subject"](), validated, (pictures,), tmp_path / "run"), CPU)
    assert not (tmp_path / "run").exists()
