"""``imedbench stats`` of a curated data set."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from imedbench.curate.statistics import CuratedStatistics

STRUCTURES_SHOWN = 24
PROBLEMS_SHOWN = 20


def curated_stats(out: Path, *, as_json: bool, page: Path | None) -> None:
    """Prints what a curated data set holds, and writes the page about it where one is wanted."""
    from dataclasses import asdict
    from json import dumps

    from rich.progress import Progress

    from imedbench.curate.statistics import summarise, write_statistics

    told = summarise(out)
    if as_json:
        typer.echo(dumps(asdict(told), indent=2, ensure_ascii=False))
    else:
        _show(told)
    if page is not None:
        with Progress(transient=True) as bar:
            task = bar.add_task("Taking pictures in", total=None)
            write_statistics(out, page, advance=lambda done, total: bar.update(task, completed=done, total=total))
        typer.echo(page, err=as_json)


def _show(told: "CuratedStatistics") -> None:
    from rich.console import Console
    from rich.markup import escape

    from imedbench.cli.screen import counted

    console = Console()
    splits = ", ".join(f"{count:,} {name}" for name, count in told.splits)
    console.print(
        f"\n[bold]{escape(told.name)}[/]  {counted(told.subjects, 'subject')}{f' ({escape(splits)})' * bool(splits)}"
    )
    if told.subjects:
        console.print(f"of a body's voxels {told.mean('before'):.1%} were labelled, now {told.mean('after'):.1%}")
        console.print(f"least of all subjects: {min(told.before):.1%}, now {min(told.after):.1%}\n")
    console.print(_structures(told))
    if told.faults:
        console.print(_faults(told))
    _show_left_out(told, console)


def _structures(told: "CuratedStatistics") -> "Table":
    from imedbench.cli.stats import titled

    table = titled("Structures", "structure", "subjects", "whole", "ml", "mean HU", "deviation")
    for row in told.structures[:STRUCTURES_SHOWN]:
        figures = f"{row.ml:,.1f}", f"{row.mean_hu:.0f}", f"{row.std_hu:.0f}"
        table.add_row(row.name, f"{row.subjects:,}", f"{row.whole:,}", *figures)
    if len(told.structures) > STRUCTURES_SHOWN:
        table.caption = f"and {len(told.structures) - STRUCTURES_SHOWN:,} more (--json and --page have all)"
    return table


def _faults(told: "CuratedStatistics") -> "Table":
    from imedbench.cli.stats import titled

    table = titled("Faults found by rule", "rule", "what was done", "times")
    for rule, remedy, count in told.faults:
        table.add_row(rule, "left for review" if remedy == "review" else remedy, f"{count:,}")
    return table


def _show_left_out(told: "CuratedStatistics", console: "Console") -> None:
    for name, note in told.rejected[:PROBLEMS_SHOWN]:
        console.print(f"Rejected: {name}: {note}", markup=False, highlight=False, soft_wrap=True)
    if told.quarantined:
        console.print(f"[bold]In quarantine: {len(told.quarantined):,}[/]")
    for problem in told.quarantined[:PROBLEMS_SHOWN]:
        console.print(f"  {problem}", markup=False, highlight=False, soft_wrap=True)
