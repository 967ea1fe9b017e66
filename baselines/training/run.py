"""A training run: a folder that holds all of it, begun or gone on with by the same command."""

import hashlib
import json
import logging
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from baselines.training.average import trained
from baselines.training.checkpoint import newest_checkpoint, save_checkpoint
from baselines.training.course import Course, as_toml
from baselines.training.curve import Curve
from baselines.training.kept import CARD, WEIGHTS, read_lines, save_weights, write_card, write_json, write_lines
from baselines.training.loop import Listener, Trainer, is_validated, run_steps
from baselines.training.order import Shares
from baselines.training.reading import Read, batches, order_of
from baselines.training.trainee import Samples, Subject, Trainee
from baselines.training.validate import check, validate
from imedbench import __version__
from imedbench.errors import BadResults, Unavailable, printable
from imedbench.evaluate.data import digest_of
from imedbench.models.load import find_device
from imedbench.models.weights import sha256
from imedbench.store import Store
from imedbench.workers import alone

WORK = ".train"
RUN = "run.json"
COURSE = "course.toml"
VALIDATION = "validation.jsonl"
_WORDS = {"frozen": "frozen weights", "start": "weights to begin with", "images_a_step": "images a step"}


@dataclass(frozen=True, slots=True)
class Hardware:
    """What a run computes on."""

    device: str = "auto"
    """``auto`` is the GPUs where there are some."""
    devices: int = 1
    """On each machine."""
    nodes: int = 1
    """Machines."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    stage: str
    """``training`` or ``validation``."""
    step: int
    steps: int
    loss: float
    """Mean since the last one."""
    samples_per_second: float
    """On all devices together."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Everything that decides a run, and where it goes."""

    subject: Subject
    course: Course
    data: tuple[Path, ...]
    out: Path
    checkpoint: Path | None = None
    """Weights to begin with."""
    features: Path | None = None
    """Where frozen features are kept, for runs that share them; else in ``out``."""


def train(
    plan: Plan, hardware: Hardware | None = None, *, progress: Callable[[Progress], None] = lambda _: None
) -> Path | None:
    """Trains, or goes on with a run that was begun; returns the file of the finished weights.

    With several devices each process calls this, and all but the first return None; `lightning_fabric` starts those of
    this machine by repeating the command.

    Raises:
        UnknownName: what validation on the way names is not there.
        BadStore: the data cannot be used; or a sample cannot be read: the message names its case.
        BadResults: ``out`` holds another run; or the loss is no number any more.
        MissingWeights: weights that the network begins with are not here.
        Unavailable: the device is not there, or ``out`` cannot be written.
    """
    hardware = hardware or Hardware()
    if plan.course.validation.every:
        # Better now than after hours of training.
        check(plan.subject.name, plan.course.validation, plan.data)
    device = find_device(hardware.device)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    if device[5:] and hardware.devices * hardware.nodes > 1:
        message = f"--device {device} is one GPU; choose --device cuda for several, and hide others from the process."
        raise Unavailable(message)
    fabric = Fabric(
        accelerator="cuda" if device.startswith("cuda") else "cpu",
        devices=[int(device[5:])] if device[5:] else hardware.devices,
        num_nodes=hardware.nodes,
        strategy="ddp" if hardware.devices * hardware.nodes > 1 else "auto",
        precision=plan.course.loop.precision,
    )
    fabric.launch()
    if fabric.global_rank:
        _carry_out(plan, fabric, progress)
        return None
    with alone(plan.out, WORK, "training"):
        return _carry_out(plan, fabric, progress)


def _carry_out(plan: Plan, fabric: Fabric, progress: Callable[[Progress], None]) -> Path:
    stores = [Store.open(path) for path in plan.data]
    torch.manual_seed(plan.course.loop.seed)
    trainee = plan.subject.trainee(plan.course, plan.checkpoint, plan.features or plan.out / WORK / "features")
    samples = trainee.samples(stores)
    run = _record(plan, trainee, stores, devices=fabric.world_size) | {"images": len(samples)}
    finished = plan.out / WEIGHTS
    if fabric.global_rank == 0:
        _begin(plan, run)
    fabric.barrier()
    trainer = Trainer(fabric, trainee, plan.course)
    if (state := newest_checkpoint(plan.out / WORK / "checkpoints")) is not None:
        trainer.restore(state)
        # It is a second copy of everything.
        del state
    if trainer.step == plan.course.loop.steps and finished.exists():
        return finished
    _learn(plan, fabric, trainer, samples, progress=progress)
    if fabric.global_rank == 0:
        _finish(plan, trainer, run)
    fabric.barrier()
    return finished


def _learn(
    plan: Plan, fabric: Fabric, trainer: Trainer, samples: Samples, *, progress: Callable[[Progress], None]
) -> None:
    loop = plan.course.loop
    shares = Shares(loop.batch, loop.accumulate, fabric.global_rank, fabric.world_size)
    order = order_of(samples, shares, seed=loop.seed, steps=range(trainer.step, loop.steps))
    reads = batches(samples, order, workers=loop.workers, device=fabric.device)
    if fabric.global_rank:
        silent = Listener(lambda *_: None, lambda _: None, lambda _: fabric.barrier())
        _run(plan, fabric, trainer, reads, listen=silent)
        return
    record = _Record(plan, fabric, Curve(plan.out, trainer.step), progress)
    progress(Progress("training", trainer.step, loop.steps, float("nan"), 0.0))
    try:
        listen = Listener(record.log, record.keep, record.validate)
        _run(plan, fabric, trainer, reads, listen=listen)
    finally:
        record.curve.close()


def _run(plan: Plan, fabric: Fabric, trainer: Trainer, reads: Iterator[Read], *, listen: Listener) -> None:
    """The steps that are left; before them the validation that a run was killed in."""
    done = [line["step"] for line in read_validation(plan.out)]
    owed = is_validated(plan.course, trainer.step) and trainer.step not in done
    # The first process knows, whatever the others see of its folder by now.
    if fabric.broadcast(owed):
        listen.validate(trainer)
    run_steps(trainer, reads, fabric, plan.course, listen=listen)


@dataclass(slots=True, eq=False)
class _Record:
    """What the first process writes down."""

    plan: Plan
    fabric: Fabric
    curve: Curve
    progress: Callable[[Progress], None]

    def log(self, trainer: Trainer, values: dict[str, float], speed: float) -> None:
        group = trainer.optimiser.param_groups[0]
        rate = group["lr"] / group["factor"]
        self.curve.write(trainer.step, {**values, "rate": rate}, {"samples_per_second": speed})
        self.progress(Progress("training", trainer.step, self.plan.course.loop.steps, values["loss"], speed))

    def keep(self, trainer: Trainer) -> None:
        save_checkpoint(self.plan.out / WORK / "checkpoints", trainer.step, trainer.state())

    def validate(self, trainer: Trainer) -> None:
        course, out = self.plan.course, self.plan.out
        self.progress(Progress("validation", trainer.step, course.loop.steps, float("nan"), 0.0))
        weights = out / WORK / "validated.safetensors"
        _export(trainer, weights, {})
        scores = validate(
            self.plan.subject.name,
            weights,
            course.validation,
            stores=self.plan.data,
            out=out / "validation",
            device=self.fabric.device.type,
        )
        line = {
            "step": trainer.step,
            "split": course.validation.split,
            "prompts": course.validation.prompts,
            "dice": scores,
        }
        _append(out / VALIDATION, line)
        for store, arms in scores.items():
            named = {f"dice/{store}/{arm}": dice for arm, dice in arms.items()}
            self.curve.board(trainer.step, named)
        self.fabric.barrier()


def _export(trainer: Trainer, path: Path, facts: dict[str, str]) -> None:
    """The weights that count: their running average where there is one."""
    facts = {**trainer.trainee.facts, "steps": str(trainer.step), "imedbench": __version__, **facts}
    if trainer.average is None:
        save_weights(trainer.network, path, facts)
        return
    with trainer.average.in_place():
        save_weights(trainer.network, path, facts)


def _append(path: Path, line: dict[str, Any]) -> None:
    """Adds a line, and takes back those of later or equal steps, which a resumed run has come to again."""
    lines = [each for each in read_validation(path.parent) if each["step"] < line["step"]]
    write_lines(path, [*lines, line])


def read_validation(out: Path) -> list[dict[str, Any]]:
    """The validations of a run so far."""
    return read_lines(out / VALIDATION)


def _record(plan: Plan, trainee: Trainee, stores: Sequence[Store], *, devices: int) -> dict[str, Any]:
    """What `run.json` says; its id is the digest of all that decides the weights."""
    loop = plan.course.loop
    decisive = {
        "model": plan.subject.name,
        "course": _decisive(plan.course),
        "data": [{"name": store.info.name, "digest": digest_of(store)} for store in stores],
        "start": "" if plan.checkpoint is None else sha256(plan.checkpoint),
        "frozen": _frozen(trainee),
        "images_a_step": loop.batch * loop.accumulate * devices,
    }
    identity = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
    return decisive | {
        "id": identity,
        "weights": sum(weight.numel() for weight in trainee.network.parameters()),
        "trained": sum(weight.numel() for weight in trained(trainee.network).values()),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "devices": devices,
        "started": _now(),
        "versions": _versions(),
    }


def _frozen(trainee: Trainee) -> str:
    """Digest of what stays as it is: parameters of the network, and what its trainee says of other networks."""
    learned = trained(trainee.network)
    digest = hashlib.sha256(json.dumps(dict(trainee.facts), sort_keys=True).encode())
    for name, weight in trainee.network.named_parameters():
        if name not in learned:
            digest.update(name.encode())
            digest.update(weight.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _decisive(course: Course) -> dict[str, Any]:
    """All settings but who reads the samples: results do not depend on that."""
    return course.model_dump(mode="json", exclude={"loop": {"workers"}})


def _begin(plan: Plan, run: dict[str, Any]) -> None:
    """Writes down what is run; refuses a folder that holds another run."""
    path = plan.out / RUN
    if path.exists():
        there = json.loads(path.read_text(encoding="utf-8"))
        other = [name for name in ("model", "data", "start", "frozen", "images_a_step") if there[name] != run[name]]
        if _decisive(type(plan.course).model_validate(there["course"])) != run["course"]:
            other.append("course")
        if other:
            told = ", ".join(_WORDS.get(name, name) for name in other)
            message = f"{printable(plan.out)}: holds a run with other {told}; choose another --out."
            raise BadResults(message)
        run |= {name: there[name] for name in ("id", "started", "command")}
        return
    (plan.out / COURSE).write_text(as_toml(plan.course), encoding="utf-8")
    write_json(path, run)


def _finish(plan: Plan, trainer: Trainer, run: dict[str, Any]) -> None:
    _export(trainer, plan.out / WEIGHTS, {"run": run["id"]})
    run |= {"finished": _now(), "sha256": sha256(plan.out / WEIGHTS)}
    write_json(plan.out / RUN, run)
    write_card(plan.out / CARD, run, read_validation(plan.out))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {"imedbench": __version__} | {name: version(name) for name in ("numpy", "torch", "lightning-fabric")}
