"""`imedbench curate`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from imedbench.cli.options import ALL_CORES, Scheduler, WorkerCount

app = typer.Typer(help="Makes published data sets whole.", no_args_is_help=True)
QUARANTINED = 3
"""Exit code of a curation that finished but had to leave subjects out."""
Curated = Annotated[Path, typer.Argument(help="A curated data set.", exists=True, file_okay=False)]


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
    mend: Annotated[
        bool,
        typer.Option("--mend/--no-mend", help="Mend what rules find wrong, or only say it."),
    ] = True,
    workers: WorkerCount = ALL_CORES,
    scheduler: Scheduler = "",
) -> None:
    """Labels muscle, visceral and subcutaneous fat in TotalSegmentator's CTs: TotalSeg++.

    Labels that are there stay, but for what is mended: volumes the wrong way round, exchanged names, specks, labels
    outside the body; each is listed in subjects.jsonl. Interrupted runs go on where they stopped: repeat the command.
    Exit code 3 means that some subjects could not be used; they are listed too. Repair their files and repeat it.
    """
    from imedbench.cli.screen import curating, print_curated, resumable
    from imedbench.curate.task import CurateSettings
    from imedbench.curate.totalseg import curate
    from imedbench.workers import Workers

    settings = CurateSettings(
        version=version.value, per_class=per_class, orientation="rai" if rai else "source", mend=mend
    )
    with curating() as progress, resumable():
        summary = curate(source, out, settings, workers=Workers(workers, scheduler), progress=progress)
    print_curated(summary)
    if summary.problems:
        raise typer.Exit(QUARANTINED)


@app.command()
def review(
    out: Curated,
    port: Annotated[int, typer.Option(help="Of the page on this machine; 0 takes a free one.")] = 0,
    open_it: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Shows the subjects, the doubtful first, to be accepted or rejected; ends with Ctrl+C.

    Decisions are kept in review.csv, which may be edited by hand too: subject, verdict (accept or reject), note. The
    next run of `imedbench curate totalseg` leaves out what is rejected.
    """
    from imedbench.curate.server import ReviewServer

    with ReviewServer(out, port) as server:
        typer.echo(f"Review of {out}: {server.url} (Ctrl+C ends it)")
        if open_it:
            typer.launch(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            typer.echo("")


@app.command(name="export")
def hand_out_subjects(
    out: Curated,
    subjects: Annotated[list[str], typer.Argument(help="Names of subjects.")],
    to: Annotated[Path, typer.Option(help="Folder for them.")],
) -> None:
    """Copies subjects out to be repaired in ITK-SNAP or 3D Slicer, with names and colours of the labels for both."""
    from imedbench.curate.repairs import hand_out
    from imedbench.curate.review import classes_of

    for folder in hand_out(out, subjects, to, classes_of(out)):
        typer.echo(folder)


@app.command(name="import")
def take_back_subjects(
    out: Curated,
    repaired: Annotated[Path, typer.Argument(help="Where they were copied to.", exists=True, file_okay=False)],
) -> None:
    """Takes repaired labels back and keeps what was changed; the next run of `imedbench curate totalseg` uses them."""
    from imedbench.cli.screen import print_edits
    from imedbench.curate.repairs import take_back
    from imedbench.curate.review import classes_of

    print_edits(take_back(out, repaired, classes_of(out)))
