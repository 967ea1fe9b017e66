"""The worst cases of a checked submission, as drawings that its page shows."""

import json
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from imedbench.evaluate.report.numbers import Numbers
from imedbench.evaluate.report.worst import find_worst

FILE = "worst.json"
CASES = 6


@dataclass(frozen=True, slots=True)
class Picture:
    """One of the worst sessions."""

    case: str
    target: str
    prompts: str
    facts: str
    metric: str
    value: str
    svg: Markup
    """Drawn here, all text in it escaped."""
    note: str


def draw_worst(numbers: Numbers, folder: Path) -> None:
    """Draws them into a file of the folder."""
    worst = find_worst([numbers], CASES)
    told = [
        {
            "case": plate.case,
            "target": plate.target,
            "prompts": plate.prompts,
            "facts": plate.facts,
            "metric": worst.metric,
            "value": plate.scores[0][2],
            "svg": plate.drawing.svg,
            "note": plate.drawing.note,
        }
        for plate in worst.plates
        if plate.drawing is not None
    ]
    (folder / FILE).write_text(json.dumps(told), "utf-8")


def read_worst(folder: Path) -> list[Picture]:
    """Those that were drawn; none where the truth is hidden, or nothing was answered."""
    path = folder / FILE
    if not path.exists():
        return []
    return [Picture(**each | {"svg": Markup(each["svg"])}) for each in json.loads(path.read_text("utf-8"))]
