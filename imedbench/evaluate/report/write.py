"""A report's files: the page, a CSV file a table, and LaTeX."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imedbench.evaluate.report.compare import difference_sheets
from imedbench.evaluate.report.groups import group_sheets
from imedbench.evaluate.report.layouts import make_latex
from imedbench.evaluate.report.numbers import Numbers
from imedbench.evaluate.report.overview import effort_sheet, score_sheets
from imedbench.evaluate.report.page import Contents, make_page
from imedbench.evaluate.report.runs import Gathered, gather
from imedbench.evaluate.report.sheets import Column, Row, Sheet, csv_lines
from imedbench.evaluate.report.worst import Failure, Worst, find_failures, find_worst
from imedbench.report.page import write_page

if TYPE_CHECKING:
    from imedbench.evaluate.results import Results

PAGE, LATEX, TABLES, ORIGIN = "report.html", "tables.tex", "tables", "provenance.json"


@dataclass(frozen=True, slots=True)
class ReportPaths:
    """What was written."""

    html: Path
    csv: tuple[Path, ...]
    tex: Path


@dataclass(frozen=True, slots=True)
class Report:
    """A report before it is written."""

    gathered: Gathered
    numbers: tuple[Numbers, ...]


def make_report(results: Sequence["Results"]) -> Report:
    """The numbers of one run, or of several on the sessions that all of them have.

    Raises:
        BadResults: there is nothing to report, or nothing in common.
    """
    gathered = gather(results)
    return Report(gathered, tuple(Numbers(run) for run in gathered.runs))


def summary_sheets(report: Report) -> list[Sheet]:
    """The tables for a terminal: scores, differences where there are several runs, effort."""
    numbers = report.numbers
    return [*score_sheets(numbers), *difference_sheets(numbers), effort_sheet(numbers)]


def write_report(results: Sequence["Results"], out: Path) -> ReportPaths:
    """Writes ``report.html``, ``tables.tex``, ``tables/*.csv`` and ``tables/provenance.json``, over what is there.

    Raises:
        BadResults: there is nothing to report, or the runs have nothing in common that may be compared.
    """
    return write_files(make_report(results), out)


def write_files(report: Report, out: Path) -> ReportPaths:
    """`write_report`, of a report whose numbers may have been shown already."""
    numbers = report.numbers
    contents = Contents(
        scores=score_sheets(numbers),
        differences=difference_sheets(numbers),
        groups=group_sheets(numbers),
        effort=effort_sheet(numbers),
        worst=find_worst(numbers),
        failures=find_failures(numbers),
    )
    page = make_page(report.gathered, numbers, contents)
    out.mkdir(parents=True, exist_ok=True)
    write_page(page, out / PAGE)
    write_page(make_latex(numbers), out / LATEX)
    tables = tuple(_write_tables(contents, out / TABLES))
    # A CSV file has no place for it.
    facts = {each.run.name: dict(each.run.facts) for each in numbers}
    write_page(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", out / TABLES / ORIGIN)
    return ReportPaths(out / PAGE, tables, out / LATEX)


def _write_tables(contents: Contents, folder: Path) -> list[Path]:
    folder.mkdir(exist_ok=True)
    sheets = [*contents.scores, *contents.differences, *contents.groups, contents.effort]
    sheets += [_worst_sheet(contents.worst), _failure_sheet(contents.failures)]
    paths = []
    for sheet in sheets:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(csv_lines(sheet))
        path = folder / f"{sheet.name.replace(' ', '-').replace('@', '')}.csv"
        write_page(text.getvalue(), path)
        paths.append(path)
    return paths


def _worst_sheet(worst: Worst) -> Sheet:
    runs = [name for name, _, _ in worst.plates[0].scores] if worst.plates else []
    columns = tuple(Column(f"{worst.metric}, {name}") for name in runs)
    rows = tuple(
        Row((plate.case, plate.target, plate.prompts), tuple(value for _, _, value in plate.scores))
        for plate in worst.plates
    )
    return Sheet("worst", "Worst cases", ("Case", "Target", "Prompts"), columns, rows)


def _failure_sheet(failures: Sequence[Failure]) -> Sheet:
    rows = tuple(Row((one.run, one.case, one.target, one.prompts), (one.turn, one.error)) for one in failures)
    columns = (Column("Turn"), Column("Error"))
    return Sheet("failures", "Failures", ("Run", "Case", "Target", "Prompts"), columns, rows)
