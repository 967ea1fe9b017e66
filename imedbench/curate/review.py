"""Curated subjects for a person to look at: the doubtful first, with what makes them so."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import nan
from pathlib import Path
from typing import Any

from imedbench.curate.classes import Classes, classes
from imedbench.curate.colours import TISSUE_COLOURS
from imedbench.curate.decisions import Decision, read_decisions
from imedbench.curate.files import PROVENANCE, SUMMARY
from imedbench.errors import BadInput
from imedbench.report.page import render

TEMPLATES = Path(__file__).with_name("templates")
PAGE = 24
"""Subjects on a page."""
_REMEDY = "name the --out of imedbench curate totalseg, after a run of it"
_DONE = {
    "turned": "the volume was turned",
    "renamed": "renamed",
    "cleared": "label taken away",
    "review": "left as it is",
}


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One subject on the list."""

    name: str
    doubt: float
    """Sum of what is doubtful; 0 where nothing is."""
    remarks: tuple[str, ...]
    """Sentences, the weightiest first."""
    before: float
    """Share of the body's voxels that had a label in the source; NaN for what was left out."""
    after: float
    repaired: bool
    decision: Decision


def read_rows(out: Path) -> list[dict[str, Any]]:
    """The lines about all subjects of a curated data set.

    Raises:
        BadInput: this is none.
    """
    path = out / SUMMARY
    if not path.is_file():
        raise BadInput(out, f"holds no {SUMMARY}", _REMEDY)
    return _parsed(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _parsed(path: Path, _: int) -> list[dict[str, Any]]:
    """Of a table as it was at some time: a page asks for it more than once."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def classes_of(out: Path) -> Classes:
    """Those of a curated data set.

    Raises:
        BadInput: this is none.
    """
    path = out / PROVENANCE
    if not path.is_file():
        raise BadInput(out, f"holds no {PROVENANCE}", _REMEDY)
    return classes(json.loads(path.read_text("utf-8"))["settings"]["version"])


def ranked(out: Path) -> list[Reviewed]:
    """All but those in quarantine: undecided ones by falling doubt, then the others.

    Raises:
        BadInput: this is no curated data set, or the table of decisions cannot be read.
    """
    decisions = read_decisions(out)
    rows = [row for row in read_rows(out) if "error" not in row]
    found = [_reviewed(row, decisions.get(row["subject"], Decision())) for row in rows]
    return sorted(found, key=lambda each: (bool(each.decision.verdict), -each.doubt, each.name))


def _reviewed(row: Mapping[str, Any], decision: Decision) -> Reviewed:
    if "rejected" in row:
        return Reviewed(row["subject"], 0.0, ("Left out.",), nan, nan, repaired=False, decision=decision)
    remarks = [(each["weight"], f"{_capital(each['what'])}.") for each in row["doubts"]]
    for finding in row["findings"]:
        names = ", ".join(name.replace("_", " ") for name in finding["structures"]) or "the volume"
        sentence = f"{_capital(names)} {finding['what']}: {_DONE[finding['remedy']]}."
        remarks.append((float(finding["remedy"] == "review"), sentence))
    for error in row["known_errors"]:
        told = f"{_capital(', '.join(error['structures']))}: {error['what']}, as others report ({error['source']})."
        remarks.append((float(error["remedy"] == "review"), told))
    remarks.sort(key=lambda remark: -remark[0])
    doubt = round(sum(weight for weight, _ in remarks), 3)
    sentences = tuple(text for _, text in remarks)
    before, after = row["labelled_before"], row["labelled_after"]
    return Reviewed(row["subject"], doubt, sentences, before, after, repaired=row["repaired"], decision=decision)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def page(out: Path, subjects: Sequence[Reviewed], number: int, token: str) -> str:
    """HTML of one page of the list, counted from 1, with a form for each subject.

    Args:
        out: the curated data set.
        subjects: the whole list.
        number: of the page; beyond the list it is the last one.
        token: goes back with each form.
    """
    pages = max(1, -(-len(subjects) // PAGE))
    number = min(max(1, number), pages)
    return render(
        "review.html.j2",
        folder=TEMPLATES,
        title=f"Review of {out.name}",
        shown=subjects[(number - 1) * PAGE : number * PAGE],
        total=len(subjects),
        doubtful=sum(each.doubt > 0 for each in subjects),
        accepted=sum(each.decision.verdict == "accept" for each in subjects),
        rejected=sum(each.decision.verdict == "reject" for each in subjects),
        number=number,
        pages=pages,
        token=token,
        colours=TISSUE_COLOURS,
    )
