"""`imedbench curate`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from imedbench.cli.options import ALL_CORES, Scheduler, WorkerCount

app = typer.Typer(help="Makes published data sets whole.", no_args_is_help=True)
QUARANTINED = 3
"""Exit code of a curation that finished but had to leave subjects out."""


class SourceVersion(StrEnum):
    """Of TotalSegmentator's data."""

    V1 = "v1"
    V2 = "v2"


@app.callback()
def group() -> None:
    """Makes published data sets whole."""


@app.command()
def totalseg(
    source: Annotated[Path, typer.Option(help="TotalSegmentator's folder: one a subject, with ct.nii.gz and masks.")],
    out: Annotated[Path, typer.Option(help="Where the curated data are, or will be.")],
    version: Annotated[
        SourceVersion, typer.Option(help="Of the source: 104 classes (v1) or 117 (v2).")
    ] = SourceVersion.V2,
    per_class: Annotated[bool, typer.Option("--per-class", help="Write one file a class too.")] = False,
    rai: Annotated[
        bool, typer.Option("--rai", help="Files run from right, front and below, as TotalSeg++ does.")
    ] = False,
    workers: WorkerCount = ALL_CORES,
    scheduler: Scheduler = "",
) -> None:
    """Labels muscle, visceral and subcutaneous fat in TotalSegmentator's CTs: TotalSeg++.

    Labels that are there stay. Interrupted runs go on where they stopped: repeat the command. Exit code 3 means that
    some subjects could not be used; they are listed here and in subjects.jsonl. Repair their files and repeat it.
    """
    from imedbench.cli.screen import curating, print_curated, resumable
    from imedbench.curate.task import CurateSettings
    from imedbench.curate.totalseg import curate
    from imedbench.workers import Workers

    settings = CurateSettings(version=version.value, per_class=per_class, orientation="rai" if rai else "source")
    with curating() as progress, resumable():
        summary = curate(source, out, settings, workers=Workers(workers, scheduler), progress=progress)
    print_curated(summary)
    if summary.problems:
        raise typer.Exit(QUARANTINED)
