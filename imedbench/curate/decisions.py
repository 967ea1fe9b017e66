"""What people decided about subjects: a table that is kept beside the curated data, and may be edited by hand."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from imedbench.curate.files import write
from imedbench.errors import BadInput

DECISIONS = "review.csv"
COLUMNS = ("subject", "verdict", "note")
Verdict = Literal["", "accept", "reject"]
_REMEDY = f"give it a header of {', '.join(COLUMNS)} and a line a subject, with accept, reject or nothing as verdict"


@dataclass(frozen=True, slots=True)
class Decision:
    """About one subject: rejected ones are left out by the next run."""

    verdict: Verdict = ""
    note: str = ""


def read_decisions(out: Path) -> dict[str, Decision]:
    """All that were made, by subject.

    Raises:
        BadInput: the table cannot be read.
    """
    path = out / DECISIONS
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, restkey="more", restval="")
            rows, header = list(table), table.fieldnames
    except (UnicodeDecodeError, csv.Error) as problem:
        raise BadInput(path, "is no table of decisions", _REMEDY) from problem
    if header is not None and tuple(header) != COLUMNS:
        raise BadInput(path, f"has a header of {', '.join(header)}", _REMEDY)
    found = {}
    for line, row in enumerate(rows, 2):
        if set(row) != set(COLUMNS) or row["verdict"] not in get_args(Verdict) or not row["subject"]:
            raise BadInput(path, f"cannot be read in line {line}", _REMEDY)
        found[row["subject"]] = Decision(cast("Verdict", row["verdict"]), row["note"])
    return found


def write_decisions(out: Path, decisions: Mapping[str, Decision]) -> None:
    """Replaces the table."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows((name, each.verdict, each.note) for name, each in sorted(decisions.items()))
    write(out / DECISIONS, text.getvalue().encode())
