"""``imedbench stats``: what a store holds, in tables."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imedbench.cli.curated import curated_stats

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from imedbench.report.statistics import Distribution, Statistics

CURATED = "subjects.jsonl"
"""A file that curated data have, and stores have not."""
TARGETS_SHOWN = 30
PROBLEMS_SHOWN = 20
BAR = 24


def stats(
    store: Annotated[Path, typer.Argument(help="A finished store, or curated data.", exists=True, file_okay=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON instead.")] = False,
    page: Annotated[
        Path | None, typer.Option(help="Write a page of curated data, with pictures, to this file.")
    ] = None,
) -> None:
    """Counts what a store holds: modalities, targets, masks, resolutions, splits, and what was left out.

    Of data that `imedbench curate` made: the labelled share of the body before and after, and of each structure volume
    and intensities. The page about a store is `imedbench view`'s.
    """
    from dataclasses import asdict
    from json import dumps

    from imedbench.report.statistics import summarise
    from imedbench.store import Store

    if (store / CURATED).is_file():
        curated_stats(store, as_json=as_json, page=page)
        return
    if page is not None:
        message = "the page about a store is written by `imedbench view`"
        raise typer.BadParameter(message, param_hint="--page")
    statistics = summarise(Store.open(store))
    if as_json:
        typer.echo(dumps(asdict(statistics), indent=2, ensure_ascii=False, default=str))
        return
    _show(statistics)


def _show(statistics: "Statistics") -> None:
    from rich.console import Console
    from rich.markup import escape

    from imedbench.cli.screen import counted

    console = Console()
    unit = "picture" if statistics.pictures else "volume"
    console.print(
        f"\n[bold]{escape(statistics.name)}[/]  {counted(statistics.pictures, 'picture')}, "
        f"{counted(statistics.volumes, 'volume')}, "
        f"{statistics.truth:,} truth and {statistics.interactive:,} interactive masks on pictures "
        f"({statistics.mean_masks:.1f} a picture), {counted(statistics.patients, 'patient')}\n"
    )
    for table in (_modalities(statistics), _targets(statistics), _splits(statistics)):
        console.print(table)
    interactive = statistics.interactive_per_image
    for title, distribution in (
        (f"Truth masks per {unit}", statistics.truth_per_image),
        *([(f"Interactive masks per {unit}", interactive)] if any(interactive.counts[1:]) else []),
        (f"Resolution, longer side of a {unit}", statistics.resolutions),
        (f"Area of truth masks, share of the {unit}", statistics.truth_areas),
        (f"Area of interactive masks, share of the {unit}", statistics.interactive_areas),
    ):
        if any(distribution.counts):
            console.print(_distribution(title, distribution))
    _show_left_out(statistics, console)


def _show_left_out(statistics: "Statistics", console: "Console") -> None:
    if statistics.removed:
        console.print(_pairs("Left out by the filters", statistics.removed))
    if statistics.leaked:
        console.print(f"[bold red]{statistics.leaked} patients are on the training side and on another one.[/]")
    if statistics.problems:
        console.print(f"[bold]In quarantine: {len(statistics.problems):,}[/]")
    for problem in statistics.problems[:PROBLEMS_SHOWN]:
        console.print(f"  {problem['error']}", markup=False, highlight=False, soft_wrap=True)
    if len(statistics.problems) > PROBLEMS_SHOWN:
        console.print(f"  and {len(statistics.problems) - PROBLEMS_SHOWN:,} more")


def titled(title: str, *columns: str) -> "Table":
    """An empty table; its first column is of names, the others of numbers."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=not place)
    return table


def _modalities(statistics: "Statistics") -> "Table":
    table = titled("Modalities", "modality", "pictures", "volumes", "truth masks", "interactive masks")
    for row in statistics.modalities:
        counts = (row.pictures, row.volumes, row.truth, row.interactive)
        table.add_row(row.modality or "unknown", *(f"{count:,}" for count in counts))
    return table


def _targets(statistics: "Statistics") -> "Table":
    from imedbench.report.statistics import GROUPS

    table = titled("Targets", "target", "group", "masks", "pictures", "volumes")
    rows = sorted(statistics.targets, key=lambda row: (-row.masks, -row.volumes, row.target))
    for row in rows[:TARGETS_SHOWN]:
        table.add_row(row.target, GROUPS[row.group], f"{row.masks:,}", f"{row.pictures:,}", f"{row.volumes:,}")
    if len(rows) > TARGETS_SHOWN:
        table.caption = f"and {len(rows) - TARGETS_SHOWN:,} more (--json has all)"
    return table


def _splits(statistics: "Statistics") -> "Table":
    table = titled("Splits", "side", "pictures", "volumes", "studies", "patients")
    for row in statistics.splits:
        table.add_row(row.split, f"{row.pictures:,}", f"{row.volumes:,}", f"{row.studies:,}", f"{row.patients:,}")
    return table


def _distribution(title: str, distribution: "Distribution") -> "Table":
    table = titled(title, "class", "count", "share")
    table.add_column("")
    peak = max(distribution.shares)
    for name, count, share in zip(distribution.classes, distribution.counts, distribution.shares, strict=True):
        table.add_row(name, f"{count:,}", f"{100 * share:.1f} %", "█" * round(BAR * share / peak))
    return table


def _pairs(title: str, pairs: tuple[tuple[str, int], ...]) -> "Table":
    table = titled(title, "rule", "count")
    for name, count in pairs:
        table.add_row(name, f"{count:,}")
    return table
