"""`imedbench train`."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from imedbench.cli.options import Device


def train(
    model: Annotated[str, typer.Argument(help="What is trained: a network of the catalogue.")],
    data: Annotated[list[Path] | None, typer.Option(help="A store to learn from; repeat for several.")] = None,
    config: Annotated[
        str, typer.Option(help="Its course: a name, or a TOML file.", show_default="the network's own")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Folder of the run.", show_default="runs/MODEL-CONFIG")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Weights to begin with.")] = None,
    features: Annotated[
        Path | None, typer.Option(help="Folder of frozen features, where runs share them.", show_default="in OUT")
    ] = None,
    device: Device = "auto",
    devices: Annotated[int, typer.Option(min=1, help="How many of them on each machine.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines.")] = 1,
    show: Annotated[bool, typer.Option("--show", help="Print the course, every setting of it, and stop.")] = False,
) -> None:
    """Trains a network in simulated sessions.

    An interrupted run goes on where it stopped: repeat the command. Losses are in OUT/curve.jsonl and OUT/tensorboard,
    the finished weights in OUT/model.safetensors, for `imedbench eval --checkpoint`.
    """
    from imedbench import catalog
    from imedbench.cli.screen import print_trained, resumable, training

    subject: Any = catalog.resolve("network that can be trained", catalog.TRAINING, model)
    courses, trainer = import_module("baselines.training.course"), import_module(catalog.TRAINER)
    config = config or subject.default
    course = courses.read_course(subject.course, subject.package, config)
    if show:
        print(courses.as_toml(course), end="")
        return
    if not data:
        message = "name a store to learn from, with --data."
        raise typer.BadParameter(message)
    out = out or Path("runs") / f"{model}-{Path(config).stem}"
    plan = trainer.Plan(subject, course, tuple(data), out, checkpoint, features)
    with resumable(), training() as progress:
        weights = trainer.train(plan, trainer.Hardware(device, devices, nodes), progress=progress)
    if weights is not None:
        print_trained(weights)
