"""What the verbs show: progress bars and tables."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from imedbench.build.estimate import Estimate
    from imedbench.build.pipeline import BuildSummary
    from imedbench.build.pipeline import Progress as BuildProgress
    from imedbench.curate.repairs import Edit
    from imedbench.curate.totalseg import CurateSummary
    from imedbench.curate.totalseg import Progress as CurateProgress
    from imedbench.evaluate.report import Report, ReportPaths
    from imedbench.evaluate.run import Progress as RunProgress
    from imedbench.evaluate.run import RunSummary
    from imedbench.recipe import Recipe
    from imedbench.submission.play import Progress as PlayProgress
    from imedbench.submission.verdict import Verdict
    from imedbench.submission.verify import Progress as CheckProgress

STAGES = {
    "raw": "Writing raw data",
    "survey": "Surveying studies",
    "images": "Building images",
    "finish": "Finishing the store",
}
console = Console(highlight=False)


@contextmanager
def _bars() -> "Iterator[Bars]":
    """Progress bars with time left and a remark at the end, ``note``."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Bars(*columns, console=console, refresh_per_second=4, transient=not console.is_terminal) as bars:
        yield bars


@contextmanager
def building() -> "Iterator[Callable[[BuildProgress], None]]":
    """A progress bar a stage, with the number of problems; gives the function that moves it."""
    with _bars() as bars:
        shown: dict[str, TaskID] = {}

        def move(progress: "BuildProgress") -> None:
            if progress.stage not in shown:
                shown[progress.stage] = bars.add_task(STAGES[progress.stage], total=None, note="")
            note = f"[yellow]{progress.problems} quarantined" if progress.problems else ""
            bars.update(shown[progress.stage], completed=progress.done, total=progress.total or None, note=note)

        yield move


@contextmanager
def evaluating() -> "Iterator[Callable[[RunProgress], None]]":
    """A progress bar over targets, with the number of failed sessions; gives the function that moves it."""
    with _bars() as bars:
        shown = bars.add_task("Evaluating targets", total=None, note="")

        def move(progress: "RunProgress") -> None:
            note = f"[yellow]{progress.failed} sessions failed" if progress.failed else ""
            bars.update(shown, completed=progress.done, total=progress.total, note=note)

        yield move


@contextmanager
def curating() -> "Iterator[Callable[[CurateProgress], None]]":
    """A progress bar over subjects, with the number of problems; gives the function that moves it."""
    with _bars() as bars:
        shown = bars.add_task("Curating subjects", total=None, note="")

        def move(progress: "CurateProgress") -> None:
            note = f"[yellow]{progress.problems} quarantined" if progress.problems else ""
            bars.update(shown, completed=progress.done, total=progress.total, note=note)

        yield move


@contextmanager
def checking() -> "Iterator[Callable[[CheckProgress], None]]":
    """A progress bar over cases, with the number of discrepancies; gives the function that moves it."""
    with _bars() as bars:
        shown = bars.add_task("Asking again", total=None, note="")

        def move(progress: "CheckProgress") -> None:
            note = f"[yellow]{progress.discrepancies} discrepancies" if progress.discrepancies else ""
            bars.update(shown, completed=progress.done, total=progress.total, note=note)

        yield move


@contextmanager
def playing() -> "Iterator[Callable[[PlayProgress], None]]":
    """A progress bar over sessions, with the number of failed ones; gives the function that moves it."""
    with _bars() as bars:
        shown = bars.add_task("Playing sessions", total=None, note="")

        def move(progress: "PlayProgress") -> None:
            note = f"[yellow]{progress.failed} failed" if progress.failed else ""
            bars.update(shown, completed=progress.done, total=progress.total, note=note)

        yield move


@contextmanager
def sending() -> Iterator[Callable[[int, int], None]]:
    """A progress bar over kilobytes; gives the function that moves it."""
    with _bars() as bars:
        shown = bars.add_task("Sending (kB)", total=None, note="")

        def move(done: int, total: int) -> None:
            bars.update(shown, completed=done // 1000, total=max(1, total // 1000))

        yield move


class TrainingProgress(Protocol):
    """How far a training run is, as its loop says."""

    stage: str
    step: int
    steps: int
    loss: float
    samples_per_second: float


@contextmanager
def training() -> "Iterator[Callable[[TrainingProgress], None]]":
    """A progress bar over steps, with loss and speed; gives the function that moves it."""
    with _bars() as bars:
        shown: TaskID | None = None
        note = ""

        def move(progress: TrainingProgress) -> None:
            nonlocal note, shown
            if shown is None:
                # Not before: of several processes one has something to show.
                shown = bars.add_task("Training", total=None, note="")
            if progress.stage == "validation":
                bars.update(shown, description="Validating")
                return
            if progress.samples_per_second:
                note = f"loss {progress.loss:.4f}, {progress.samples_per_second:.1f} images/s"
            bars.update(shown, description="Training", completed=progress.step, total=progress.steps, note=note)

        yield move


@contextmanager
def resumable() -> Iterator[None]:
    """Says on Ctrl-C that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt:
        console.print("Interrupted; the same command goes on from here.")
        raise


def print_inference(folder: Path, recipe: "Recipe", reasons: list[str]) -> None:
    """What was inferred of a folder without a recipe, and from what."""
    console.print(f"[bold]{escape(str(folder))}[/]: no recipe given, so this is inferred ([bold]{recipe.name}[/]):")
    for reason in reasons:
        console.print(f"  - {escape(reason)}")
    console.print("  `imedbench recipes new` writes it to a file that you can change.")


def print_summary(summary: "BuildSummary") -> None:
    """How a build ended, and where to look."""
    if summary.problems:
        console.print(f"[yellow]{counted(len(summary.problems), 'study', 'studies')} in quarantine:[/]")
    for problem in summary.problems[:20]:
        console.print(f"  {problem['error']}", markup=False, soft_wrap=True)
    if len(summary.problems) > 20:
        console.print(f"  ... and {len(summary.problems) - 20:,} more, all in the report")
    print_contents(summary.store)
    print_place(summary)


def print_contents(path: Path) -> None:
    """How much a finished store holds."""
    from imedbench.report.statistics import summarise
    from imedbench.store import Store

    found = summarise(Store.open(path))
    truth = found.truth if found.pictures else found.volume_truth
    console.print(
        f"{counted(found.pictures, 'picture')} and {counted(found.volumes, 'volume')} of "
        f"{counted(found.patients, 'patient')}; {counted(truth, 'truth mask')}, "
        f"{counted(found.interactive, 'interactive mask')}"
    )


def print_place(summary: "BuildSummary") -> None:
    """Where to look."""
    console.print(f"[green]Finished[/] [bold]{escape(str(summary.store))}[/]", soft_wrap=True)
    console.print(f"Report: {escape(str(summary.report))}", soft_wrap=True)


def print_curated(summary: "CurateSummary") -> None:
    """How a curation ended: what could not be used, how much is labelled, and where to look."""
    if summary.problems:
        console.print(f"[yellow]{counted(len(summary.problems), 'subject')} in quarantine:[/]")
    for problem in summary.problems[:20]:
        console.print(f"  {problem['error']}", markup=False, soft_wrap=True)
    if len(summary.problems) > 20:
        console.print(f"  ... and {len(summary.problems) - 20:,} more, all in subjects.jsonl")
    for row in summary.rejected:
        console.print(
            f"  {row['subject']}: left out, as review.csv says: {row['rejected']}", markup=False, soft_wrap=True
        )
    used = summary.curated
    if used:
        before, after = (sum(row[f"labelled_{when}"] for row in used) / len(used) for when in ("before", "after"))
        console.print(
            f"{counted(len(used), 'subject')}; of a body's voxels {before:.1%} were labelled, now {after:.1%}"
        )
    for row in used:
        for error in row["known_errors"]:
            done = "label taken away" if error["remedy"] == "clear" else "to be looked at"
            told = f"{row['subject']}: {', '.join(error['structures'])}: {error['what']} ({error['source']}); {done}"
            console.print(f"  {told}", markup=False, soft_wrap=True)
    mended = sum(finding["remedy"] != "review" for row in used for finding in row["findings"])
    doubtful = sum(bool(row["doubts"]) or any(f["remedy"] == "review" for f in row["findings"]) for row in used)
    console.print(
        f"{counted(mended, 'fault')} mended by rule; {counted(doubtful, 'subject')} doubtful: imedbench curate review"
    )
    console.print(f"[green]Finished[/] [bold]{escape(str(summary.out))}[/]", soft_wrap=True)


def print_edits(changed: "dict[str, list[Edit]]") -> None:
    """What was changed in subjects that were repaired by hand."""
    for name, edits in changed.items():
        if not edits:
            console.print(f"{escape(name)}: nothing was changed")
            continue
        console.print(f"[bold]{escape(name)}[/]  {sum(edit.ml for edit in edits):,.1f} ml")
        for edit in edits[:20]:
            console.print(f"  {edit.ml:10,.2f} ml  {escape(edit.was)} -> {escape(edit.now)}", highlight=False)
        if len(edits) > 20:
            console.print(f"  ... and {len(edits) - 20:,} more")


def print_run(summary: "RunSummary", report: "Report", paths: "ReportPaths") -> None:
    """How a run ended: what was not asked, what failed, the scores, and where to look."""
    from imedbench.evaluate.report.terminal import renderables

    if summary.skipped:
        names = ", ".join(summary.skipped)
        console.print(f"Not asked, because the model takes no such prompts: {escape(names)}", soft_wrap=True)
    for note in summary.notes:
        console.print(f"[yellow]note[/] {escape(note)}", soft_wrap=True)
    if summary.failed:
        console.print(f"[yellow]{counted(summary.failed, 'session')} failed; they count, and the report lists them.[/]")
    for shown in renderables(report):
        console.print(shown)
    console.print(f"[green]Finished[/] [bold]{escape(str(summary.results.path))}[/]", soft_wrap=True)
    console.print(f"Report: {escape(str(paths.html))}", soft_wrap=True)


def print_bundle(path: Path) -> None:
    """What was packed, and how large it is."""
    console.print(f"{escape(str(path))}: {megabytes(path.stat().st_size)}", soft_wrap=True)


def print_sent(where: str) -> None:
    """Where a submission can be seen."""
    console.print(f"[green]Submitted[/] {escape(where)}", soft_wrap=True)


def print_verdict(verdict: "Verdict") -> None:
    """Every check, and the first discrepancies of those that do not hold."""
    from imedbench.submission.verdict import CHECKS

    for check in verdict.checks:
        mark = "[green]holds[/]" if check.passed else f"[red]{counted(check.count, 'discrepancy', 'discrepancies')}[/]"
        console.print(f"{CHECKS[check.name]}: {mark}", soft_wrap=True)
        for example in check.examples[:5]:
            console.print(f"  {example.where}: {example.what}", markup=False, soft_wrap=True)
        if check.count > 5:
            console.print(f"  ... and {check.count - 5:,} more")
    colour = {"verified": "green", "doubtful": "yellow", "rejected": "red"}[verdict.outcome]
    console.print(
        f"[{colour}]{verdict.outcome.capitalize()}[/]: {counted(verdict.sessions, 'session')} with "
        f"{counted(verdict.turns, 'turn')} asked again in {verdict.seconds:.1f} s"
    )


def print_trained(weights: Path) -> None:
    """Where the weights are, and what they are for."""
    console.print(f"[green]Finished[/] [bold]{escape(str(weights))}[/]", soft_wrap=True)
    console.print(f"Losses: tensorboard --logdir {escape(str(weights.parent / 'tensorboard'))}", soft_wrap=True)


def print_estimate(estimate: "Estimate") -> None:
    """What a build would do."""
    table = Table("source", "recipe", "studies", "images at most", "raw", box=None, header_style="bold")
    for row in estimate.sources:
        table.add_row(escape(str(row.folder)), row.recipe, f"{row.studies:,}", f"{row.images:,}", megabytes(row.nbytes))
    console.print(table)
    for problem in estimate.problems:
        console.print(f"[yellow]quarantine[/] {escape(problem['error'])}")
    if estimate.finished:
        console.print(f"{estimate.finished:,} of these images are in the store already.")
    console.print(
        f"From a sample of {estimate.sampled} images: about {estimate.seconds / 60:.0f} min with "
        f"{estimate.workers} workers, a store of about {megabytes(estimate.store_bytes)}."
    )


def print_yaml(text: str) -> None:
    """A YAML file; as it is where the output goes to a file or another program."""
    from rich.syntax import Syntax

    if console.is_terminal:
        console.print(Syntax(text, "yaml", background_color="default"))
    else:
        print(text, end="")


def counted(number: int, one: str, many: str = "") -> str:
    """A number of things in words."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def megabytes(nbytes: float) -> str:
    """A size for people."""
    return f"{nbytes / 1e9:,.1f} GB" if nbytes >= 1e9 else f"{nbytes / 1e6:,.1f} MB"
