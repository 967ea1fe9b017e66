"""`imedbench eval`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imedbench.catalog import DEFAULT_MODEL
from imedbench.cli.options import ALL_CORES, Checkpoint, Device, Scheduler, WorkerCount

if TYPE_CHECKING:
    from imedbench.workers import Workers

STORE = Path("zarr")
FAILED = 3
"""Exit code of a run that finished but in which sessions failed."""


class On(StrEnum):
    """Which cases of a store."""

    AUTO = "auto"
    PICTURES = "pictures"
    VOLUMES = "volumes"


class Across(StrEnum):
    """How a 2-D model gets through a volume."""

    BOX = "box"
    POINT = "point"
    SLICES = "slices"


class Split(StrEnum):
    """Which patients."""

    TEST = "test"
    TRAIN = "train"
    RESERVE = "reserve"
    EXTERNAL = "external"
    ALL = "all"


def eval(
    model: Annotated[str, typer.Option(help="Model of the catalogue: see `imedbench models`.")] = DEFAULT_MODEL,
    data: Annotated[Path, typer.Option(help="A store, or raw studies (built first, into OUT/data.zarr).")] = STORE,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the results.", show_default="results/MODEL-PROTOCOL-PROMPTS")
    ] = None,
    protocol: Annotated[str, typer.Option(help="What is asked: see `imedbench protocols list`; or a file.")] = "single",
    prompts: Annotated[
        str, typer.Option(help="How good the user is: see `imedbench prompts list`; or a file.")
    ] = "perfect",
    checkpoint: Checkpoint = None,
    split: Annotated[Split, typer.Option(help="Which patients.")] = Split.TEST,
    on: Annotated[
        On, typer.Option(help="Pictures (and slices) or volumes; auto: what protocol and model are for.")
    ] = On.AUTO,
    target: Annotated[list[str] | None, typer.Option(help="Only this target; repeat for several.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Cases at most, evenly spread; 0 for all.")] = 0,
    across: Annotated[
        Across, typer.Option(help="A 2-D model in a volume: the last slice's box or point, or the user on all slices.")
    ] = Across.BOX,
    batch: Annotated[int, typer.Option(min=1, help="Targets asked at once.")] = 32,
    workers: WorkerCount = ALL_CORES,
    scheduler: Scheduler = "",
    device: Device = "auto",
) -> None:
    """Evaluates a model: simulated users prompt it, turn by turn, and every answer is scored.

    An interrupted run goes on where it stopped: repeat the command. Exit code 3 means that the run is finished but some
    sessions failed; they count, and the report lists them.
    """
    from imedbench.cli.screen import evaluating, print_run, resumable
    from imedbench.evaluate.data import Subset
    from imedbench.evaluate.plan import RunSettings
    from imedbench.evaluate.report import make_report, write_files
    from imedbench.evaluate.run import evaluate
    from imedbench.workers import Workers

    subset = Subset(split.value, on.value, tuple(target or ()), limit)
    settings = RunSettings(
        model, protocol, prompts, checkpoint=str(checkpoint or ""), subset=subset, across=across.value, batch=batch
    )
    crew = Workers(workers, scheduler, device)
    out = out or Path("results") / "-".join((model, Path(protocol).stem, Path(prompts).stem))
    store = _store(data, out, crew)
    with resumable(), evaluating() as progress:
        summary = evaluate(store, out, settings, workers=crew, progress=progress)
    report = make_report([summary.results])
    print_run(summary, report, write_files(report, out))
    if summary.failed:
        raise typer.Exit(FAILED)


def _store(data: Path, out: Path, crew: "Workers") -> Path:
    """The store at ``data``; or one built from the raw studies there, without interactive masks, beside the results."""
    from imedbench.build.pipeline import build_store
    from imedbench.build.plan import Source
    from imedbench.build.tasks import BuildSettings
    from imedbench.cli.screen import building, print_inference
    from imedbench.evaluate.data import is_store
    from imedbench.evaluate.tasks import WORK
    from imedbench.layout import infer_recipe
    from imedbench.workers import alone

    if is_store(data):
        return data
    recipe, reasons = infer_recipe(data)
    print_inference(data, recipe, reasons)
    built = out / "data.zarr"
    settings = BuildSettings(name=data.name, published=False)
    with alone(out, WORK, "evaluation"), building() as progress:
        build_store([Source(data, recipe)], built, settings, workers=crew, progress=progress)
    return built
