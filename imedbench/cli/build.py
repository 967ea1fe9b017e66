"""`imedbench build`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imedbench.catalog import DEFAULT_MODEL
from imedbench.cli.options import ALL_CORES, Checkpoint, Device, Scheduler, WorkerCount

if TYPE_CHECKING:
    from imedbench.build.plan import Source
    from imedbench.build.proposals import ProposalSettings

QUARANTINED = 3
"""Exit code of a build that finished but had to leave studies out."""


class Interactive(StrEnum):
    """Where interactive masks come from."""

    AUTO = "auto"
    PUBLISHED = "published"
    GENERATED = "generated"
    NONE = "none"


LeastScore = Annotated[float | None, typer.Option(min=0, max=1, help="Least predicted IoU of a generated mask.")]
CropLayers = Annotated[
    int | None,
    typer.Option(min=0, max=3, help="How often pictures are halved to look closer for masks: finds more, slower."),
]


def build(
    source: Annotated[list[Path], typer.Option(help="Folder of raw studies; repeat for several.")],
    out: Annotated[Path, typer.Option(help="Where the store is, or will be.")],
    recipe: Annotated[
        list[str] | None, typer.Option(help="Recipe of each source, a name or a file; inferred where not given.")
    ] = None,
    interactive: Annotated[
        Interactive, typer.Option(help="Interactive masks: those that come with the data, else generated ones (auto).")
    ] = Interactive.AUTO,
    model: Annotated[str, typer.Option(help="Model that generates interactive masks.")] = DEFAULT_MODEL,
    checkpoint: Checkpoint = None,
    least_score: LeastScore = None,
    crop_layers: CropLayers = None,
    workers: WorkerCount = ALL_CORES,
    scheduler: Scheduler = "",
    device: Device = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, how large and how long.")] = False,
) -> None:
    """Turns folders of raw studies into a store of images with truth and interactive masks.

    Interrupted builds go on where they stopped: repeat the command. Exit code 3 means that the store is finished but
    some studies could not be used; they are listed here and in the store's report. Repair their files and repeat the
    command: they are tried again.
    """
    from imedbench.build.pipeline import build_store
    from imedbench.build.tasks import BuildSettings
    from imedbench.cli.screen import building, print_estimate, print_summary, resumable
    from imedbench.workers import Workers

    sources = _sources(source, recipe or [])
    if interactive is Interactive.PUBLISHED and not any(one.recipe.interactive for one in sources):
        message = "no recipe here has interactive masks (its field `interactive`); let them be generated, or take none."
        raise typer.BadParameter(message)
    settings = BuildSettings(
        name=out.stem,
        proposals=_proposals(interactive, model, checkpoint, least_score=least_score, crop_layers=crop_layers),
        published=interactive in (Interactive.AUTO, Interactive.PUBLISHED),
    )
    if dry_run:
        from imedbench.build.estimate import estimate

        print_estimate(estimate(sources, out, settings, workers=max(1, workers)))
        return
    with building() as progress, resumable():
        crew = Workers(workers, scheduler, device)
        summary = build_store(sources, out, settings, workers=crew, progress=progress)
    print_summary(summary)
    if summary.problems:
        raise typer.Exit(QUARANTINED)


def _proposals(
    interactive: Interactive,
    model: str,
    checkpoint: Path | None,
    *,
    least_score: float | None,
    crop_layers: int | None,
) -> "ProposalSettings | None":
    from imedbench.build.proposals import settings_for

    if interactive in (Interactive.PUBLISHED, Interactive.NONE):
        return None
    return settings_for(model, str(checkpoint or ""), least_score, crop_layers)


def _sources(folders: list[Path], recipes: list[str]) -> "list[Source]":
    """Each folder with its recipe; what had to be inferred is printed."""
    from imedbench.build.plan import Source
    from imedbench.cli.screen import print_inference
    from imedbench.layout import infer_recipe
    from imedbench.recipe import load_recipe

    if recipes and len(recipes) != len(folders):
        message = (
            f"{len(folders)} --source but {len(recipes)} --recipe; give one for each, or none to have them inferred."
        )
        raise typer.BadParameter(message)
    if recipes:
        return [Source(folder, load_recipe(name)) for folder, name in zip(folders, recipes, strict=True)]
    sources = []
    for folder in folders:
        recipe, reasons = infer_recipe(folder)
        print_inference(folder, recipe, reasons)
        sources.append(Source(folder, recipe))
    return sources
