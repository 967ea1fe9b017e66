"""The page about one run or several: one HTML file with everything in it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from imedbench.evaluate.report.curves import level_figures, turn_figures
from imedbench.evaluate.report.notes import glossary, section_notes
from imedbench.evaluate.report.numbers import Numbers
from imedbench.evaluate.report.plates import TRUTH_COLOUR
from imedbench.evaluate.report.runs import Gathered, Run
from imedbench.evaluate.report.sheets import Sheet
from imedbench.evaluate.report.spread import box_figures, featured, size_figures
from imedbench.evaluate.report.words import metric_column
from imedbench.evaluate.report.worst import Failure, Worst, colour_of
from imedbench.report.page import render

TEMPLATES = Path(__file__).with_name("templates")
COUNTED = ("case", "patient", "target")
FAILURES = 100
"""Listed on the page at most."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The tables of a report, and the sessions it shows one by one."""

    scores: list[Sheet]
    differences: list[Sheet]
    groups: list[Sheet]
    effort: Sheet
    worst: Worst
    failures: list[Failure]


def make_page(gathered: Gathered, numbers: Sequence[Numbers], contents: Contents) -> str:
    """The whole page."""
    runs = gathered.runs
    figures = {"turns": turn_figures(numbers), "levels": level_figures(numbers)}
    return render(
        "results.html.j2",
        folder=TEMPLATES,
        title=f"{' and '.join(run.name for run in runs)}: {runs[0].protocol.id} on {runs[0].facts['data']['name']}",
        heading=" · ".join(run.name for run in runs),
        lead=_lead(gathered),
        overview=_overview(numbers),
        contents=_sections(contents, figures),
        warnings=gathered.warnings,
        comparing=len(runs) > 1,
        notes=section_notes(numbers),
        sheets=contents,
        **figures,
        boxes=box_figures(numbers),
        sizes=size_figures(numbers),
        worst=contents.worst,
        truth_colour=TRUTH_COLOUR,
        outlines=[(run.name, colour_of(place)) for place, run in enumerate(runs)],
        failures=contents.failures,
        most_failures=FAILURES,
        many=len(runs) > 1,
        skipped=[(run.name, run.facts["skipped"]) for run in runs if run.facts["skipped"]],
        reading=glossary(numbers),
        provenance=[_provenance(run) for run in runs],
    )


def _lead(gathered: Gathered) -> str:
    words = f"Protocol {gathered.told}. {gathered.first.protocol.summary}"
    shared = f"All numbers are of the {gathered.first.sessions:,} sessions that every run has."
    return words if len(gathered.runs) == 1 else f"{words} {shared}"


def _overview(numbers: Sequence[Numbers]) -> list[tuple[str, str, bool]]:
    """The numbers that matter, what they count, and whether they are bad news."""
    first = numbers[0]
    metric = first.run.protocol.metrics[0]
    column = metric_column(metric)
    shown = []
    arm = featured(numbers)[0]
    for each in numbers[:3]:
        value = each.turns.get((arm.name, metric.label, arm.turns))
        name = f"{column.title}, {arm.name}" + (f", {each.run.name}" if len(numbers) > 1 else "")
        shown += [(column.number(value.mean), name, False)] if value else []
    failed = sum(each.run.failed for each in numbers)
    counts = [(first.run.sessions, "session"), *((first.run.count(what), what) for what in COUNTED)]
    told = [(f"{number:,}", what if number == 1 else f"{what}s", False) for number, what in counts]
    return [*shown, *told, (f"{failed:,}", "failed", failed > 0)]


def _sections(contents: Contents, figures: dict[str, list[Any]]) -> list[tuple[str, str]]:
    """Anchors and names of what is on the page."""
    held = [
        ("scores", "Scores", True),
        ("differences", "Differences", bool(contents.differences)),
        ("turns", "Over the interactions", bool(figures["turns"])),
        ("robustness", "Robustness", bool(figures["levels"])),
        ("targets", "Targets", True),
        ("sizes", "Size", True),
        ("groups", "Groups", True),
        ("effort", "Effort", True),
        ("worst", "Worst cases", True),
        ("failures", "Failures", True),
        ("reading", "How to read this", True),
        ("provenance", "Provenance", True),
    ]
    return [(anchor, name) for anchor, name, there in held if there]


def _provenance(run: Run) -> tuple[str, list[tuple[str, str]], str]:
    """Name, what was run on what, and the protocol in full."""
    facts = run.facts
    card, protocol = facts["card"], run.protocol
    seconds = datetime.fromisoformat(facts["finished"]) - datetime.fromisoformat(facts["started"])
    subset = {name: value for name, value in facts["subset"].items() if value}
    told = [
        ("Model", f"{card['name']}: {card['summary']}"),
        ("Licence", card["licence"]),
        ("Source", card["source"]),
        ("Weights", facts["weights_sha256"] or "none"),
        ("Protocol", protocol.id),
        ("Digest", facts["protocol_digest"]),
        ("After", protocol.source),
        ("Prompts", f"{facts['prompts']['name']}: {facts['prompts']['summary']}"),
        ("Digest", facts["prompts_digest"]),
        ("Data", f"{facts['data']['name']}, {facts['data']['cases']:,} cases, {facts['data']['targets']:,} targets"),
        ("Digest", facts["data_digest"]),
        ("Subset", ", ".join(f"{name} {value}" for name, value in subset.items())),
        ("Volumes", f"by {facts['across']}" if facts["across"] else ""),
        ("Seed", str(protocol.seed)),
        ("Device", f"{facts['device']}, at most {facts['batch']} sessions at once"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in facts["versions"].items())),
        ("Run", f"{facts['started']} to {facts['finished']} ({seconds})"),
        ("Id", facts["id"]),
        *(("Note", note) for note in facts["notes"]),
    ]
    return (
        run.name,
        [(term, value) for term, value in told if value],
        json.dumps(facts["protocol"], indent=1, ensure_ascii=False),
    )
